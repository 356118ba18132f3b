"""The languages the service speaks, without I/O."""
