"""Data folders of nodes that do not run, and backups: looked into, mended, made."""
