"""What ZooKeeper's operators see: facts, in four-letter words and in admin commands."""
