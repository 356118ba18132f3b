"""The whole mind of one member, still without I/O."""
