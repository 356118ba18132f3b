"""The numbers we count with, each with a name of its own."""

from __future__ import annotations

from typing import TypeAlias

NodeId: TypeAlias = str
"""The configured name of a member, such as `n1`."""

Term: TypeAlias = int
"""A Raft term. Starts at 0; grows with every election."""

Index: TypeAlias = int
"""A position in the replicated log, from 1. It is also the revision, the ZooKeeper zxid and
the fencing token of a lock granted there: one number for everything."""

SessionId: TypeAlias = int
"""The index of the entry that opened the session; 0 stands for "no session"."""

Serial: TypeAlias = int
"""The number a client gave a request; grows within a session."""

Millis: TypeAlias = int
"""Milliseconds: of a monotonic clock for `now` and deadlines, since 1970 for stamps."""
