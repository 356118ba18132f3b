"""Result codes: what became of a request.

0 is success. Codes below 32 are decided by the replicated state machine and are final: every
replica gives the same one, and a retry gets it again. Codes from 32 come from the replica that
was asked, and the request may be tried again; `MAYBE` says which of them leave it open whether
the request took effect.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0

# Decided by the state machine.
NO_NODE: Final = 1
NODE_EXISTS: Final = 2
BAD_VERSION: Final = 3
NOT_EMPTY: Final = 4
NO_CHILDREN_FOR_EPHEMERALS: Final = 5
BAD_PATH: Final = 6
BAD_ARGUMENTS: Final = 7
TOO_LARGE: Final = 8
SESSION_EXPIRED: Final = 9  # also: never existed
STALE_TOKEN: Final = 10
LOCKED: Final = 11  # held or waited for: by acquire without wait, or by delete
NO_LOCK_REQUEST: Final = 12  # release of a request that is not (or no longer) there
CONDITION_FAILED: Final = 13  # of a transaction's condition
ROLLED_BACK: Final = 14  # an operation undone or not tried because another one failed
SUPERSEDED: Final = 15  # a late copy of a request whose answer is no longer remembered
TOO_MANY: Final = 16  # a bound was reached (locks waited for, operations of a transaction, ...)
MALFORMED: Final = 17
DENIED: Final = 18
COMPACTED: Final = 19  # the history no longer reaches back to the revision asked for
CURSOR_LOST: Final = 20  # the listing changed hands or aged out; start again
BAD_PASSWORD: Final = 21  # re-attachment with a wrong password
INVALID_ACL: Final = 22
QUOTA_EXCEEDED: Final = 23  # a hard limit of a subtree

# From the replica that was asked.
NOT_LEADER: Final = 32
NO_QUORUM: Final = 33
OVERLOADED: Final = 34
STOPPING: Final = 35
TIMED_OUT: Final = 36  # waited as long as it was asked to
OUTCOME_UNKNOWN: Final = 37
BEHIND: Final = 38  # this replica has not reached the revision asked for in time
SESSION_MOVED: Final = 39  # the session was attached elsewhere
BAD_FRAME: Final = 40
UNSUPPORTED: Final = 41  # no common protocol version, or an unknown operation
DISK_FULL: Final = 42

RETRYABLE: Final = frozenset({NOT_LEADER, NO_QUORUM, OVERLOADED, STOPPING, BEHIND})
MAYBE: Final = frozenset({TIMED_OUT, OUTCOME_UNKNOWN})

NAMES: Final = {
    value: name.lower() for name, value in sorted(globals().items()) if type(value) is int
}
