"""Exit codes of `coordctl`: documented in docs/cli.md, relied on by scripts, never changed."""

from __future__ import annotations

from typing import Final

from coordsvc.base.vocabulary import codes

OTHER: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
CONFLICT: Final = 4
UNREACHABLE: Final = 5
DENIED: Final = 6
LOST: Final = 7
TIMED_OUT: Final = 124
INTERRUPTED: Final = 130

# Of `lock` and `elect` with a command, which otherwise give the command's own code.
NOT_ACQUIRED: Final = 75
"""The default of --conflict-exit-code; sysexits' "try again later"."""
KILLED: Final = 76
"""The command was ended because the lock was lost."""

HELP: Final = (
    "Exit codes: 0 done, 1 other error, 2 wrong usage, 3 not found, 4 exists or wrong version, "
    "5 no quorum or unreachable, 6 denied, 7 session or lock lost, 124 timed out, "
    "130 interrupted. lock and elect give the code of their command, 75 if they did not get the "
    "lock, 76 if the command was ended because the lock was lost."
)

_BY_CODE: Final = {
    codes.NO_NODE: NOT_FOUND,
    codes.NODE_EXISTS: CONFLICT,
    codes.BAD_VERSION: CONFLICT,
    codes.NOT_EMPTY: CONFLICT,
    codes.CONDITION_FAILED: CONFLICT,
    codes.LOCKED: CONFLICT,
    codes.BAD_PATH: USAGE,
    codes.BAD_ARGUMENTS: USAGE,
    codes.TOO_LARGE: USAGE,
    codes.NO_CHILDREN_FOR_EPHEMERALS: USAGE,
    codes.SESSION_EXPIRED: LOST,
    codes.SESSION_MOVED: LOST,
    codes.STALE_TOKEN: LOST,
    codes.NO_LOCK_REQUEST: LOST,
    codes.DENIED: DENIED,
    codes.BAD_PASSWORD: DENIED,
    codes.NOT_LEADER: UNREACHABLE,
    codes.NO_QUORUM: UNREACHABLE,
    codes.OVERLOADED: UNREACHABLE,
    codes.STOPPING: UNREACHABLE,
    codes.BEHIND: UNREACHABLE,
    codes.TIMED_OUT: TIMED_OUT,
    codes.OUTCOME_UNKNOWN: TIMED_OUT,
}

_TEXTS: Final = {
    codes.NO_NODE: "no such node",
    codes.NODE_EXISTS: "exists already",
    codes.BAD_VERSION: "has another version",
    codes.NOT_EMPTY: "has children (-r removes them too)",
    codes.LOCKED: "is locked",
    codes.STALE_TOKEN: "the lock is no longer held with this token",
    codes.OUTCOME_UNKNOWN: "no answer in time; it may have been done",
    codes.TIMED_OUT: "no answer in time; nothing was done",
    codes.QUOTA_EXCEEDED: "a quota forbids it",
    codes.CURSOR_LOST: "changed while it was listed; try again",
    codes.NO_QUORUM: "the cluster has no quorum",
}


def exit_of(code: int) -> int:
    """Return the exit code for a result code."""
    return _BY_CODE.get(code, OTHER)


def text_of(code: int, text: str) -> str:
    """Return what a person is told about a result code; `text` is what the server said of it."""
    known = _TEXTS.get(code, codes.NAMES.get(code, f"code {code}").replace("_", " "))
    return f"{known}: {text}" if text and text != known else known
