"""Patterns built on the client, all with the same contract."""
