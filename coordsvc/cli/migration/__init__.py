"""`coordctl import`: take over a tree from another service while it runs."""
