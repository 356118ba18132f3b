"""The native protocol, defined once, for both sides."""
