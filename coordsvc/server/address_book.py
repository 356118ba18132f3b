"""AddressBook: where members are reached, by the membership first, by this node's options last.

The membership is what the cluster agreed on, and each member corrects its own entry there. The
options are what an operator wrote down once: they find the others at the first start, and where
the membership holds no address, or one that leads nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from coordsvc.base.ids import NodeId
from coordsvc.raft.messages import MemberInfo
from coordsvc.replica.members import Members
from coordsvc.server.addresses import Address, Member, address_of


class AddressBook:
    """The addresses of one cluster's members, as one of them knows them."""

    def __init__(self, own: NodeId, configured: Sequence[Member], members: Members) -> None:
        self._own = own
        self._configured = {member.name: member for member in configured}
        self._members = members

    def others(self) -> list[NodeId]:
        """Return all other members; those of the options while no member is known."""
        names = [view.info.name for view in self._members.view().members]
        return [name for name in names or self._configured if name != self._own]

    def peer(self, name: NodeId) -> list[Address]:
        """Return where to dial a member, the likeliest place first."""
        places = [self._parsed(self._info_of(name).peer)]
        configured = self._configured.get(name)
        if configured is not None:
            places.append(configured.peer)
        return list(dict.fromkeys(place for place in places if place is not None))

    def client(self, name: NodeId) -> str:
        """Return where clients reach a member; the empty string if that is not known."""
        configured = self._configured.get(name)
        return self._info_of(name).client or (str(configured.client) if configured else "")

    def clients(self) -> list[str]:
        """Return where clients reach the members, this one first."""
        names = [self._own, *self.others()] if self._is_member() else self.others()
        return [place for place in map(self.client, names) if place]

    def _is_member(self) -> bool:
        return any(view.info.name == self._own for view in self._members.view().members)

    def http(self, name: NodeId) -> str:
        """Return where the HTTP of a member is; the empty string if that is not known."""
        configured = self._configured.get(name)
        return self._info_of(name).http or (str(configured.http) if configured else "")

    def peer_hosts(self) -> list[str]:
        """Return the hosts of all members."""
        names = [self._own, *self.others()]
        return list(dict.fromkeys(place.host for name in names for place in self.peer(name)))

    def http_hosts(self) -> list[str]:
        """Return the hosts that are known for the HTTP of members."""
        places = [self._parsed(self.http(name)) for name in (self._own, *self.others())]
        return list(dict.fromkeys(place.host for place in places if place is not None))

    def _info_of(self, name: NodeId) -> MemberInfo:
        views = self._members.view().members
        return next((view.info for view in views if view.info.name == name), MemberInfo(name))

    @staticmethod
    def _parsed(text: str) -> Address | None:
        try:
            return address_of(text) if text else None
        except ValueError:
            return None
