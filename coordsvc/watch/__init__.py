"""Who wants to hear about what. Not replicated: each replica keeps its own listeners."""
