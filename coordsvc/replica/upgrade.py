"""Upgrade: the state machine's version is raised once every member has the newer one.

Members tell one another which versions their program has. The leader proposes the raise when all
of them, learners too, are linked and have it: one that is away may be running anything.
"""

from __future__ import annotations

from coordsvc.base.ids import Index, NodeId
from coordsvc.base.ports import Logger
from coordsvc.base.vocabulary import ops
from coordsvc.raft.node import RaftNode
from coordsvc.replica.codec import internal_command
from coordsvc.replica.messages import Versions
from coordsvc.state.machine import StateMachine


class Upgrade:
    """What one member knows of the versions that the others have."""

    __slots__ = ("_asked", "_log", "_node", "_raft", "_told", "ours")

    def __init__(self, node: NodeId, raft: RaftNode, ours: Versions, *, log: Logger) -> None:
        self.ours = ours
        """What this member tells the others."""
        self._node = node
        self._raft = raft
        self._log = log
        self._told: dict[NodeId, Versions] = {}
        self._asked: Index = 0
        """Where the last raise that was proposed is in the log, or before."""

    def lead(self) -> None:
        """Begin as the new leader: what was proposed before may have come to nothing."""
        self._asked = 0

    def told(self, peer: NodeId, versions: Versions) -> None:
        """A member has told what it has."""
        self._told[peer] = versions

    def link_lost(self, peer: NodeId) -> None:
        """What a member has when it comes back is not known before it says so."""
        self._told.pop(peer, None)

    def newest_of(self, member: NodeId) -> int:
        """Return the newest version that a member has; 0 if it has not told."""
        versions = self.ours if member == self._node else self._told.get(member)
        return 0 if versions is None else versions.newest

    def waits_for(self) -> list[NodeId]:
        """Return who has to be upgraded, or to come back, before our newest version can run."""
        return [each for each in self._members() if self.newest_of(each) < self.ours.newest]

    def due(self, machine: StateMachine) -> list[bytes]:
        """As the leader: return the command that raises the version, if it is time for it.

        Nothing is proposed before what was proposed last has had its time to be applied. For a
        new cluster, in which nothing was ever written, nobody who is away is waited for: there
        is nothing yet that an older program could have.
        """
        told = [self.newest_of(each) for each in self._members()]
        newest = min((each for each in told if each or not machine.is_untouched), default=0)
        if newest <= machine.version or self._asked > machine.revision:
            return []
        self._asked = self._raft.last_index + 1
        self._log.info(
            "raising the version of the state machine", running=machine.version, to=newest
        )
        return [internal_command(ops.RAISE_VERSION, 0, newest)]

    def _members(self) -> tuple[NodeId, ...]:
        members = self._raft.membership
        everybody = (*members.voters, *members.voters_old, *members.learners)
        return tuple(dict.fromkeys(everybody))
