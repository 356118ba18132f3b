"""A replicated coordination service: locks, sessions, watches and small files."""

__version__ = "0.1.0"
