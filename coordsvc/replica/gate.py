"""Who may have a link to this replica, and what it makes of being turned away itself.

A member is known by its name and by the number of its data folder. One that comes with another
folder has forgotten its votes and what it acknowledged: to take it for the old one could elect a
leader without what is committed. It is turned away and told so; as is whoever is not a member
any more. Whoever knows a later membership than this replica is let in: it may be this replica
that is behind.
"""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base.ids import Index, NodeId
from coordsvc.base.ports import Logger
from coordsvc.raft.membership import members_of
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.raft.node import RaftNode
from coordsvc.replica.messages import Dismissal


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a replica says of itself when a link begins."""

    info: MemberInfo
    index: Index = 0
    """Of the latest membership it knows."""


class Gate:
    """Decides about links, by the membership in force."""

    __slots__ = ("_log", "_met", "_own", "_raft", "dismissal")

    def __init__(self, own: MemberInfo, raft: RaftNode, log: Logger) -> None:
        self._own = own
        self._raft = raft
        self._log = log
        self._met: Index = 0
        """Of the latest membership that anybody who greeted knew."""
        self.dismissal: Dismissal | None = None
        """Why this replica was turned away, if it was."""

    def greeting(self) -> Greeting:
        """Return what this replica says of itself."""
        return Greeting(self._own, self._raft.membership_index)

    def refusal_of(self, greeting: Greeting) -> Dismissal | None:
        """Return why a link to this member is not wanted; None if it is."""
        index, info = self._raft.membership_index, greeting.info
        known = self._membership_of(info.name)
        if greeting.index > index or not members_of(self._raft.membership):
            return None
        if known is None:
            return Dismissal(index, f"{info.name} is not a member of the cluster (any more)")
        identity = known.info_of(info.name).identity
        if identity not in (0, info.identity):
            return Dismissal(
                index,
                f"{info.name} came with another data folder: what it voted for and acknowledged is"
                f" lost with the old one. If that is gone, `coordctl members replace {info.name}`"
                " takes it in afresh; else start it with the old folder",
            )
        return None

    def _membership_of(self, name: NodeId) -> Membership | None:
        """Return the membership to judge by: one that is left out may be needed until it is so."""
        for membership in (self._raft.membership, self._raft.committed_membership):
            if name in members_of(membership):
                return membership
        return None

    def met(self, greeting: Greeting) -> None:
        """Take part again, if somebody who knows of a later membership has a link with us."""
        self._met = max(self._met, greeting.index)
        if self.dismissal is not None and greeting.index > self.dismissal.index:
            self._log.info("taken in again", peer=greeting.info.name, index=greeting.index)
            self.dismissal = None
            self._raft.passive = False

    def dismissed(self, peer: NodeId, dismissal: Dismissal) -> None:
        """Keep still: `peer` knows that this replica is no member, or not the member it says."""
        held = -1 if self.dismissal is None else self.dismissal.index
        if dismissal.index < max(self._raft.membership_index, self._met, held):
            return  # the other is behind
        if dismissal.index > held:
            self._log.error("turned away", peer=peer, index=dismissal.index, reason=dismissal.text)
        self.dismissal = dismissal
        self._raft.passive = True

    @property
    def standing(self) -> str:
        """Why this replica takes no part; the empty string if it does."""
        if self.dismissal is not None:
            return self.dismissal.text
        membership, node = self._raft.committed_membership, self._own.name
        if not members_of(membership):
            return f"{node} waits to be added: `coordctl members add {node}=...` on a member"
        if self._membership_of(node) is None:
            return f"{node} was removed from the cluster"
        return ""
