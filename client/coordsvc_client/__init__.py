"""The asynchronous client of coordsvc.

`from coordsvc_client import connect`. Names are loaded on first use: tools and servers that need
only the protocol in `coordsvc_client.wire` do not pay for asyncio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coordsvc_client import sync
    from coordsvc_client.api import Client, connect
    from coordsvc_client.conversation import State
    from coordsvc_client.errors import (
        BadRequest,
        BadVersion,
        Closed,
        Compacted,
        CoordError,
        Denied,
        DiskFull,
        LockLost,
        LockNotAcquired,
        NodeExists,
        NoNode,
        NotEmpty,
        OutcomeUnknown,
        QuotaExceeded,
        SessionExpired,
        StaleToken,
        Timeout,
        TooLarge,
        TransactionFailed,
        Unavailable,
    )
    from coordsvc_client.model import Event, EventKind, LockClaim, LockInfo, Node, Stat
    from coordsvc_client.recipes.election import Election, Leader
    from coordsvc_client.recipes.lock import Held, Lock
    from coordsvc_client.recipes.membership import Member, Membership
    from coordsvc_client.stream import WatchStream
    from coordsvc_client.transaction import Txn, TxnResult

__all__ = [
    "BadRequest",
    "BadVersion",
    "Client",
    "Closed",
    "Compacted",
    "CoordError",
    "Denied",
    "DiskFull",
    "Election",
    "Event",
    "EventKind",
    "Held",
    "Leader",
    "Lock",
    "LockClaim",
    "LockInfo",
    "LockLost",
    "LockNotAcquired",
    "Member",
    "Membership",
    "NoNode",
    "Node",
    "NodeExists",
    "NotEmpty",
    "OutcomeUnknown",
    "QuotaExceeded",
    "SessionExpired",
    "StaleToken",
    "Stat",
    "State",
    "Timeout",
    "TooLarge",
    "TransactionFailed",
    "Txn",
    "TxnResult",
    "Unavailable",
    "WatchStream",
    "connect",
    "sync",
]

_HOMES = {
    "api": ("Client", "connect"),
    "conversation": ("State",),
    "model": ("Event", "EventKind", "LockClaim", "LockInfo", "Node", "Stat"),
    "recipes.election": ("Election", "Leader"),
    "recipes.lock": ("Held", "Lock"),
    "recipes.membership": ("Member", "Membership"),
    "stream": ("WatchStream",),
    "transaction": ("Txn", "TxnResult"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "sync":
        return import_module(f"{__name__}.sync")
    value: object = getattr(import_module(f"{__name__}.{_HOME_OF.get(name, 'errors')}"), name)
    globals()[name] = value
    return value
