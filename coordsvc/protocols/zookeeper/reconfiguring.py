"""Changing the ensemble from a ZooKeeper client, and telling clients that it has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from coordsvc.base.vocabulary import ops
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.ensemble import BadConfigError, Reconfig, change_of
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.jute import JuteError, Reader
from coordsvc.protocols.zookeeper.later import Later
from coordsvc.protocols.zookeeper.reads import data_of
from coordsvc.replica.changes import Fault, MembersChange, MembersOutcome
from coordsvc.state import acl
from coordsvc.state.acl import Who
from coordsvc.state.events import Event
from coordsvc.state.special import CONFIG

_ERROR_OF: Final[Mapping[Fault, int]] = {
    Fault.BAD_VERSION: numbers.BAD_VERSION,
    Fault.NOT_CAUGHT_UP: numbers.NEW_CONFIG_NO_QUORUM,
    Fault.QUORUM_AT_RISK: numbers.NEW_CONFIG_NO_QUORUM,
    Fault.NO_QUORUM: numbers.NEW_CONFIG_NO_QUORUM,
    Fault.TIMED_OUT: numbers.RECONFIG_IN_PROGRESS,
    Fault.OUTCOME_UNKNOWN: numbers.SYSTEM_ERROR,
}
"""All others are bad arguments."""


def begin(
    hall: ZooKeeperHall, xid: int, reader: Reader, who: Who, settled: Callable[[Later], None]
) -> Later:
    """Take a reconfig; `settled` is called once what is returned is decided, if it is not yet."""
    later = Later(xid)
    try:
        change = change_of(hall.replica.raft.membership, _read(reader))
    except JuteError:
        later.decide(numbers.MARSHALLING_ERROR)
        return later
    except BadConfigError:
        later.decide(numbers.BAD_ARGUMENTS)
        return later
    node = hall.replica.machine.tree.nodes.get(CONFIG)
    if node is None or (node.acl is not None and not node.acl.allows(who, acl.WRITE)):
        later.decide(numbers.NO_AUTH)
    elif not (change.add or change.promote or change.remove):
        later.decide(body=_present(hall))
    else:
        _change(hall, change, later, settled)
    return later


def _read(reader: Reader) -> Reconfig:
    return Reconfig(
        reader.read_string(), reader.read_string(), reader.read_string(), reader.read_long()
    )


def _present(hall: ZooKeeperHall) -> bytes:
    node = hall.replica.machine.tree.nodes[CONFIG]
    return data_of(hall, CONFIG, node)


def _change(
    hall: ZooKeeperHall, change: MembersChange, later: Later, settled: Callable[[Later], None]
) -> None:
    def answered(outcome: MembersOutcome) -> None:
        if outcome.fault is None:
            later.decide(body=_present(hall))
        else:
            later.decide(_ERROR_OF.get(outcome.fault, numbers.BAD_ARGUMENTS))
        settled(later)

    hall.replica.change_members(change, answered)


class ConfigWatch:
    """Tells those who watch /zookeeper/config of a new text."""

    __slots__ = ("_hall", "_index", "_text")

    def __init__(self, hall: ZooKeeperHall) -> None:
        self._hall = hall
        self._index = -1
        self._text: bytes | None = None

    def look(self) -> None:
        """Compare; to be called once a turn, and cheap if nothing has changed."""
        raft = self._hall.replica.raft
        index = raft.membership_index
        if index == self._index or index > raft.commit:
            return
        self._index = index
        text, before = self._hall.config(), self._text
        self._text = text
        if before is not None and text != before:
            self._tell()

    def _tell(self) -> None:
        replica = self._hall.replica
        node = replica.machine.tree.nodes.get(CONFIG)
        if node is None:
            return  # no ZooKeeper client has ever been here
        event = Event(ops.CHANGED, CONFIG, replica.applied, node.stat(), b"", node.acl)
        for listener, kind, told in replica.watches.paths.match([event]):
            listener.notify(kind, told)
