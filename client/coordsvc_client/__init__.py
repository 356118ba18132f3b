"""The asynchronous client of coordsvc."""
