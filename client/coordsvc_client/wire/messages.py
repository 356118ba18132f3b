"""The shapes of what travels: greeting, stat, lock and session as arrays.

Arrays only ever grow at their end; a reader ignores elements it does not know.
"""

from __future__ import annotations

from typing import Final

STAT_FIELDS: Final = (
    "czxid",  # revision that created the node
    "mzxid",  # revision that last set its data
    "pzxid",  # revision that last created or deleted a direct child
    "ctime",  # ms since 1970, by the leader's clock
    "mtime",
    "version",
    "cversion",
    "aversion",
    "owner",  # session of an ephemeral, else 0
    "data_length",
    "num_children",
    "kind",
    "ttl_ms",
)

LOCK_FIELDS: Final = (
    "path",
    "holders",  # [claim, ...]
    "queue",  # [claim, ...] in the order they will be served
    "free_at",  # ms since 1970 until which lock-delay keeps it closed, else 0
    "holding",  # how many hold it, and
    "waiting",  # how many wait, also where these lists show the first of them only
)

CLAIM_FIELDS: Final = (
    "request",  # index of the acquire; names the claim
    "session",
    "client_name",
    "shared",
    "token",  # 0 while waiting
    "since",  # ms since 1970 of the grant, or of the acquire while waiting
    "note",
)

SESSION_FIELDS: Final = (
    "session",
    "client_name",
    "address",
    "timeout_ms",
    "opened",  # ms since 1970
    "ephemerals",  # how many
    "locks",  # held or waited for
)
