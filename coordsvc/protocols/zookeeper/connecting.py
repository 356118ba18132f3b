"""Connecting: from a client's first frame until its session stands."""

from __future__ import annotations

from coordsvc.base.ids import Millis, SessionId
from coordsvc.base.vocabulary import ops
from coordsvc.protocols.zookeeper import readonly
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.jute import JuteError, Reader, pack_frame
from coordsvc.protocols.zookeeper.records import (
    PASSWORD_BYTES,
    ConnectRequest,
    ConnectResponse,
    pack_connect_response,
    read_connect_request,
)
from coordsvc.replica.ports import Client


class Connecting:
    """What one client asked for when it came, and how it gets that."""

    __slots__ = ("_address", "_hall", "_request", "timeout_ms")

    def __init__(self, hall: ZooKeeperHall, address: str) -> None:
        self._hall = hall
        self._address = address
        self._request: ConnectRequest | None = None
        self.timeout_ms: Millis = 0
        """Of the session: as asked for, within the bounds of this server."""

    def take(self, frame: bytes) -> bool:
        """Take the first frame; tell whether its sender can be served here."""
        hall, replica = self._hall, self._hall.replica
        try:
            request = read_connect_request(Reader(frame))
        except JuteError:
            return False
        if replica.stopping or replica.health.differs or request.last_zxid_seen > replica.applied:
            return False  # a client must not travel back in time: it goes to another server
        self._request = request
        self.timeout_ms = min(
            max(request.timeout_ms, hall.session_timeout_ms_min), hall.session_timeout_ms_max
        )
        return True

    def begin(self, talk: Client, now: Millis) -> None:
        """Have a session opened for `talk`, or look first whether the one it wants is there."""
        hall, request = self._hall, self._asked
        if request.session:
            hall.replica.read(
                talk, 0, request, consistency=ops.LINEARIZABLE, min_revision=0, now=now
            )
        else:
            hall.replica.enter(
                talk,
                ops.OPEN_ZOOKEEPER,
                hall.new_password(),
                self.timeout_ms,
                "zookeeper",
                self._address,
            )

    def resume(self, talk: Client) -> bool:
        """Have `talk` take its session over, now that the state is known to be the latest.

        False: there is no such session, or that is not its password.
        """
        request, replica = self._asked, self._hall.replica
        known = replica.machine.sessions.by_id.get(request.session)
        if known is None or known.password != request.password:
            return False
        replica.enter(
            talk,
            ops.ATTACH_SESSION,
            known.id,
            known.password,
            self.timeout_ms,
            self._address,
            known.replies.era,
        )
        return True

    def welcome(self, session: SessionId, password: bytes) -> bytes:
        """Return the answer to the first frame: the session stands."""
        return self._answer(self.timeout_ms, session, password)

    def refusal(self) -> bytes:
        """Return the answer that tells that the session is no more."""
        return self._answer(0, 0, bytes(PASSWORD_BYTES))

    def _answer(self, timeout_ms: Millis, session: SessionId, password: bytes) -> bytes:
        read_only = None if self._asked.read_only is None else False
        response = ConnectResponse(timeout_ms, session, password, read_only)
        return pack_frame(pack_connect_response(response))

    @property
    def is_for_reading_only(self) -> bool:
        """Whether there is no quorum, and the client takes what can be had without."""
        return readonly.is_wanted(self._hall, self._asked)

    def session_for_reading(self) -> ConnectResponse | None:
        """Return what such a client is told; None if it cannot be served here."""
        return readonly.welcome(self._hall, self._asked, self.timeout_ms)

    @property
    def _asked(self) -> ConnectRequest:
        assert self._request is not None, "the first frame comes first"
        return self._request
