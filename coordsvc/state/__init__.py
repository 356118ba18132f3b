"""The replicated state machine: a pure function of the log."""
