"""The families of error, and who handles each.

A result code below 32 is a *result*: decided by the state machine, applied, sent to the client;
not an exception at all (see vocabulary.codes).

- CoordsvcError
    - RemoteProtocolError: *their* fault; the connection is closed with a reason
    - Refused: *nobody's* fault; carries a code from 32 on; the client may try again
    - SetupError: the *operator's* to mend; start-up ends with the text as advice
    - DiskFull: no room; growth is refused until there is
    - Fatal: *ours*; one log line with the numbers, then the process ends
        - DiskFailed: a write or fsync failed; nothing is acknowledged after it
        - CorruptData: what is on disk is not what was written
        - VersionUnknown: the cluster has moved on to what this program cannot do
"""

from __future__ import annotations


class CoordsvcError(Exception):
    """The root of the server's own exceptions."""


class RemoteProtocolError(CoordsvcError):
    """The other side broke the protocol; its connection is closed with this text."""


class Refused(CoordsvcError):
    """The replica cannot do it now."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class SetupError(CoordsvcError):
    """The server cannot start like this; the text says what to do."""


class Fatal(CoordsvcError):
    """The replica must stop: going on could break a promise."""


class DiskFailed(Fatal):
    """A write, fsync or rename failed. The page cache can no longer be trusted."""


class CorruptData(Fatal):
    """Stored bytes fail their checksum or contradict themselves; names file and offset."""


class VersionUnknown(Fatal):
    """The state has a version that this program has not; the text says what to start instead."""


class DiskFull(CoordsvcError):
    """There is no room for a write. Growth is refused until there is; nothing is lost."""
