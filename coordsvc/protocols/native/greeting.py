"""The first frame of a native connection, checked."""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base import limits
from coordsvc.base.ids import Index, Millis, SessionId
from coordsvc_client.wire import codes, ops


@dataclass(frozen=True, slots=True)
class Hello:
    """What the client said of itself."""

    session: SessionId  # 0: open one; ops.NO_SESSION: only reads; else re-attach
    password: bytes
    timeout_ms: Millis
    last_revision: Index
    client_name: str


class HelloError(Exception):
    """The greeting cannot be accepted; carries the code to refuse it with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def read_hello(value: object) -> Hello:
    """Return the greeting in the first frame.

    Raises:
        HelloError: it is none, or asks for what is not spoken here.

    """
    match value:
        case [
            ops.HELLO,
            ops.MAGIC,
            list(versions),
            int(session),
            bytes(password),
            int(timeout_ms),
            int(last_revision),
            str(client_name),
            *_,
        ]:
            pass
        case _:
            raise HelloError(codes.BAD_FRAME, "a connection starts with HELLO")
    if ops.PROTOCOL_VERSION not in versions:
        raise HelloError(
            codes.UNSUPPORTED, f"this server speaks protocol version {ops.PROTOCOL_VERSION}"
        )
    if len(password) > limits.PASSWORD_BYTES_MAX or (session == 0 and len(password) < 8):
        raise HelloError(
            codes.BAD_ARGUMENTS, f"a password has 8 to {limits.PASSWORD_BYTES_MAX} bytes"
        )
    if len(client_name.encode()) > limits.CLIENT_NAME_BYTES_MAX:
        raise HelloError(
            codes.BAD_ARGUMENTS,
            f"a client's name has at most {limits.CLIENT_NAME_BYTES_MAX} bytes",
        )
    if session < ops.NO_SESSION or last_revision < 0 or timeout_ms < 0:
        raise HelloError(codes.BAD_ARGUMENTS, "session, revision and timeout are not negative")
    return Hello(session, password, timeout_ms, last_revision, client_name)
