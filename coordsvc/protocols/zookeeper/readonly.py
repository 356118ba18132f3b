"""Read-only mode: what a server without a quorum does for clients that ask for it.

Such a client is told so in the reply to its first frame. It reads what this server has applied;
what it would change is refused. When there is a leader again it is sent away, to come back as an
ordinary client.
"""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import Millis, SessionId
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.records import ConnectRequest, ConnectResponse
from coordsvc.protocols.zookeeper.writes import WRITES

LOCAL: Final = 1 << 62
"""From here on ids of sessions are known to one server only."""
REFUSED: Final = WRITES | {numbers.SYNC, numbers.RECONFIG}


def is_wanted(hall: ZooKeeperHall, greeting: ConnectRequest) -> bool:
    """Tell whether a client is to be served so."""
    return hall.read_only and bool(greeting.read_only) and hall.replica.raft.leader is None


def welcome(
    hall: ZooKeeperHall, greeting: ConnectRequest, timeout_ms: Millis
) -> ConnectResponse | None:
    """Return the reply to a client's first frame; None if it cannot be served here.

    A session that is known here is gone on with, in name only; whether another one is over
    nobody can tell without a quorum.
    """
    if not greeting.session:
        password = hall.new_password()
        session = LOCAL | int.from_bytes(password[:7], "big")
        return ConnectResponse(timeout_ms, session, password, True)
    known = hall.replica.machine.sessions.by_id.get(greeting.session)
    if known is None or known.password != greeting.password:
        return None
    return ConnectResponse(timeout_ms, known.id, known.password, True)


def refusal_of(session: SessionId, op: int) -> int:
    """Return the error of a refused operation; OK for the end of a session known here only."""
    ends = op == numbers.CLOSE_SESSION and session >= LOCAL
    return numbers.OK if ends else numbers.NOT_READ_ONLY
