"""The language of our own clients."""
