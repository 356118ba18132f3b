"""Consensus without I/O (Ongaro, "Consensus: Bridging Theory and Practice", 2014)."""
