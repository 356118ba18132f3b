"""What replicas say to one another, as bytes."""
