"""What a caller can catch.

    CoordError                    code, retryable, path
    ├─ NoNode (LookupError)           ├─ SessionExpired
    ├─ NodeExists                     ├─ LockLost                token
    ├─ BadVersion                     ├─ LockNotAcquired (TimeoutError)
    ├─ NotEmpty                       ├─ Compacted
    ├─ BadRequest (ValueError)        ├─ OutcomeUnknown
    ├─ TooLarge (ValueError)          ├─ Timeout (TimeoutError)
    ├─ Denied (PermissionError)       ├─ Unavailable (ConnectionError)
    ├─ StaleToken                     └─ Closed (Unavailable)
    ├─ TransactionFailed
    ├─ DiskFull
    └─ QuotaExceeded

Everything that is worth trying again has been tried again, under the same serial, before one of
these is raised. `OutcomeUnknown` alone leaves it open whether a change took effect.
"""

from __future__ import annotations

from typing import ClassVar

from coordsvc_client.wire import codes


class CoordError(Exception):
    """Anything that goes wrong here. `path` names the node it is about, if it is about one."""

    default_code: ClassVar[int] = codes.BAD_ARGUMENTS
    retryable: ClassVar[bool] = False
    """The same call may well succeed later, and trying again does no harm."""

    def __init__(self, text: str = "", *, code: int | None = None, path: str | None = None) -> None:
        super().__init__(text)
        self.code: int = self.default_code if code is None else code
        """The result code of the protocol; see wire/codes.py."""
        self.path = path
        self._text = text

    def __str__(self) -> str:
        """Return the name of the code, the path and the server's words."""
        parts = [codes.NAMES.get(self.code, f"code {self.code}").replace("_", " ")]
        if self.path is not None:
            parts.append(self.path)
        if self._text:
            parts.append(self._text)
        return ": ".join(parts)


class NoNode(CoordError, LookupError):
    """There is no node at the path."""

    default_code = codes.NO_NODE


class NodeExists(CoordError):
    """There already is a node at the path."""

    default_code = codes.NODE_EXISTS


class BadVersion(CoordError):
    """The node has another version than the caller expected."""

    default_code = codes.BAD_VERSION


class NotEmpty(CoordError):
    """A node with children is deleted only recursively."""

    default_code = codes.NOT_EMPTY


class BadRequest(CoordError, ValueError):
    """The request makes no sense: a malformed path, a bad argument."""


class TooLarge(CoordError, ValueError):
    """Data or request beyond the limit."""

    default_code = codes.TOO_LARGE


class Denied(CoordError, PermissionError):
    """The client may not do that."""

    default_code = codes.DENIED


class DiskFull(CoordError):
    """A disk of the cluster is nearly full: nothing may grow. Deletes still go through."""

    default_code = codes.DISK_FULL


class QuotaExceeded(CoordError):
    """A hard limit of the subtree forbids more nodes or bytes. Nothing was changed."""

    default_code = codes.QUOTA_EXCEEDED


class StaleToken(CoordError):
    """The fencing token no longer holds its lock. Nothing was changed."""

    default_code = codes.STALE_TOKEN


class TransactionFailed(CoordError):
    """A transaction was rolled back; `index` says which operation failed and `code` why."""

    default_code = codes.ROLLED_BACK

    def __init__(self, text: str = "", *, code: int | None = None, index: int = 0) -> None:
        super().__init__(text, code=code)
        self.index = index


class SessionExpired(CoordError):
    """The session has ended; what was asked in it did not take effect."""

    default_code = codes.SESSION_EXPIRED


class LockLost(CoordError):
    """The lock is lost, or may be. `token` is the fencing token it had."""

    default_code = codes.NO_LOCK_REQUEST

    def __init__(self, text: str = "", *, path: str | None = None, token: int = 0) -> None:
        super().__init__(text, path=path)
        self.token = token


class LockNotAcquired(CoordError, TimeoutError):
    """The lock was not had within `wait`. The body has not run."""

    default_code = codes.LOCKED
    retryable = True


class Compacted(CoordError):
    """The history no longer reaches back to the revision asked for."""

    default_code = codes.COMPACTED


class OutcomeUnknown(CoordError):
    """The change may have taken effect or not; nobody could be asked in time."""

    default_code = codes.OUTCOME_UNKNOWN


class Timeout(CoordError, TimeoutError):
    """No answer in time. A change that ends so has not taken effect."""

    default_code = codes.TIMED_OUT
    retryable = True


class Unavailable(CoordError, ConnectionError):
    """Nobody can serve the request at present."""

    default_code = codes.NO_QUORUM
    retryable = True


class Closed(Unavailable):
    """The client has been closed."""

    default_code = codes.STOPPING
    retryable = False


_BY_CODE: dict[int, type[CoordError]] = {
    codes.NO_NODE: NoNode,
    codes.NODE_EXISTS: NodeExists,
    codes.BAD_VERSION: BadVersion,
    codes.NOT_EMPTY: NotEmpty,
    codes.NO_CHILDREN_FOR_EPHEMERALS: BadRequest,
    codes.BAD_PATH: BadRequest,
    codes.BAD_ARGUMENTS: BadRequest,
    codes.MALFORMED: BadRequest,
    codes.TOO_LARGE: TooLarge,
    codes.SESSION_EXPIRED: SessionExpired,
    codes.BAD_PASSWORD: SessionExpired,
    codes.STALE_TOKEN: StaleToken,
    codes.LOCKED: LockNotAcquired,
    codes.DENIED: Denied,
    codes.DISK_FULL: DiskFull,
    codes.QUOTA_EXCEEDED: QuotaExceeded,
    codes.COMPACTED: Compacted,
    codes.OUTCOME_UNKNOWN: OutcomeUnknown,
    codes.SUPERSEDED: OutcomeUnknown,
    codes.TIMED_OUT: Timeout,
    codes.NOT_LEADER: Unavailable,
    codes.NO_QUORUM: Unavailable,
    codes.OVERLOADED: Unavailable,
    codes.STOPPING: Unavailable,
    codes.BEHIND: Unavailable,
    codes.SESSION_MOVED: Unavailable,
}


def error_for(code: int, text: object = None, *, path: str | None = None) -> CoordError:
    """Return the exception that stands for a result code other than 0."""
    assert code != codes.OK
    kind = _BY_CODE.get(code, CoordError)
    words = text if isinstance(text, str) else ""
    return kind(words, code=code, path=path)
