"""PeerLinks: the links of a simulated server to the others, as in `coordsvc.server.peers`."""

from __future__ import annotations

from typing import Final, Protocol

from coordsvc.base.errors import RemoteProtocolError
from coordsvc.base.ids import Millis, NodeId
from coordsvc.base.ports import Logger
from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import PeerConversation, PeerIdentity, TurnedAway
from coordsvc.replica.messages import Dismissal, PeerMessage
from coordsvc.replica.replica import Replica
from tests.sim.network import SimNetwork, Stream
from tests.sim.notation import line_of
from tests.sim.tampering import Tampering
from tests.sim.world import MS, SECOND, Micros, Process

DIAL_PAUSE_MIN: Final[Micros] = 20 * MS
DIAL_PAUSE_MAX: Final[Micros] = SECOND
LARGER_DIALS_AFTER: Final[Micros] = 2 * SECOND
DIAL_TIMEOUT: Final[Micros] = 3 * SECOND


class Members(Protocol):
    """Who takes part."""

    members: tuple[NodeId, ...]


class Owner(Protocol):
    """Whose links they are."""

    name: NodeId
    process: Process
    network: SimNetwork
    tampering: Tampering
    replica: Replica
    log: Logger

    @property
    def settings(self) -> Members:
        """The members."""

    def now_ms(self) -> Millis:
        """The owner's clock."""

    def schedule(self) -> None:
        """Have a turn."""


class PeerLinks:
    """All links of one server: one per pair, dialled by the smaller name.

    The larger name dials too when there is no link for a while.
    """

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.identity = PeerIdentity("simulated", owner.name)
        self.links: dict[NodeId, PeerLink] = {}
        self._pause: dict[NodeId, Micros] = {}
        """Whom this side dials, and how long it waits before the next attempt."""

    def others(self) -> list[NodeId]:
        """Return the other members; those it was told of at the start while it knows none."""
        owner = self.owner
        names = [view.info.name for view in owner.replica.members.view().members]
        return [name for name in names or owner.settings.members if name != owner.name]

    def start(self) -> None:
        """Dial the other members."""
        others = self.others()
        for peer in [peer for peer in self._pause if peer not in others]:
            del self._pause[peer]
        for peer in others:
            if peer not in self._pause:
                self._pause[peer] = DIAL_PAUSE_MIN
                if self.owner.name < peer:
                    self._dial(peer)
                else:
                    self._dial_later(peer)

    def members_changed(self) -> None:
        """Dial who has come; close the links to those who are not wanted any more."""
        self.start()
        for link in list(self.links.values()):
            link.dismiss_if_unwanted()

    def accept(self, stream: Stream) -> PeerLink:
        """Take a link that another server has dialled."""
        link = PeerLink(self, None)
        link.stream = stream
        return link

    def send(self, batch: list[tuple[NodeId, PeerMessage]]) -> None:
        """Send messages in order, one write per link; what has no link is dropped."""
        owner = self.owner
        encoder = owner.replica.encoder
        world = owner.network.world
        gathered: dict[NodeId, list[bytes]] = {}
        for peer, message in batch:
            if peer not in self.links:
                continue
            if world.detailed:
                world.detail(line_of(owner.name, owner.replica.raft.term, peer, message))
            frame = codec.encode(message, encoder)

            def later(delay: Micros, peer: NodeId = peer, frame: bytes = frame) -> None:
                owner.process.after(delay, lambda: self._send_late(peer, frame))

            if owner.tampering.pass_on((owner.name, peer), message, later):
                gathered.setdefault(peer, []).append(frame)
        for peer, frames in gathered.items():
            self.links[peer].write(b"".join(frames))

    def _send_late(self, peer: NodeId, frame: bytes) -> None:
        if peer in self.links:
            self.links[peer].write(frame)

    def _dial(self, peer: NodeId) -> None:
        owner = self.owner
        if peer not in self._pause:
            return
        if peer in self.links:
            self._dial_later(peer)
            return
        link = PeerLink(self, peer)
        link.stream = owner.network.connect(
            owner.process, host=owner.name, remote=peer, handler=link
        )
        owner.process.after(DIAL_TIMEOUT, link.give_up_unless_open)

    def _dial_later(self, peer: NodeId) -> None:
        if peer not in self._pause:
            return
        pause = self._pause[peer]
        self._pause[peer] = min(2 * pause, DIAL_PAUSE_MAX)
        if self.owner.name > peer:
            pause = LARGER_DIALS_AFTER
        self.owner.process.after(pause, lambda: self._dial(peer))

    def ended(self, peer: NodeId, *, was_open: bool) -> None:
        """Dial again: a link that this side dialled is over. For the links."""
        if was_open and peer in self._pause and self.owner.name < peer:
            self._pause[peer] = DIAL_PAUSE_MIN
            self._dial(peer)
        else:
            self._dial_later(peer)


class PeerLink:
    """One link, from either side."""

    def __init__(self, links: PeerLinks, dialled: NodeId | None) -> None:
        self.stream: Stream | None = None
        self._links = links
        self._dialled = dialled
        self._open = False
        self._wanted = True
        gate = links.owner.replica.members.gate
        self._conversation = PeerConversation(links.identity, gate, dialled)
        self._peer: NodeId | None = None

    def opened(self) -> None:
        """Greet: the side that dialled begins."""
        self._open = True
        assert self._dialled is not None
        self.write(self._conversation.greeting(self._dialled))

    def give_up_unless_open(self) -> None:
        """The other side has had time enough to accept."""
        if not self._open and self.stream is not None:
            self.stream.abort()

    def received(self, data: bytes) -> None:
        """Hand messages to the replica."""
        owner = self._links.owner
        try:
            found = self._conversation.receive_data(data)
        except TurnedAway as refused:
            self._turn_away(refused.farewell)
            return
        except RemoteProtocolError as error:
            owner.log.warning("link refused", reason=str(error))
            self.close()
            return
        if self._peer is None and self._conversation.peer is not None:
            self._up(self._conversation.peer)
        if self._peer is None:
            return
        now = owner.now_ms()
        for message in found:
            self._wanted = self._wanted and not isinstance(message, Dismissal)
            owner.replica.receive(self._peer, message, now)
        owner.respond()

    def dismiss_if_unwanted(self) -> None:
        """Close the link if the membership has no place for the other side any more."""
        dismissal = self._conversation.refusal()
        if dismissal is not None:
            self._turn_away(self._conversation.farewell(dismissal))

    def _turn_away(self, farewell: bytes) -> None:
        self._wanted = False
        self.write(farewell)
        self.close()

    def _up(self, peer: NodeId) -> None:
        links = self._links
        self._peer = peer
        if self._dialled is None:
            self.write(self._conversation.greeting(peer))
        old = links.links.get(peer)
        links.links[peer] = self
        if old is not None:
            old.close()
        links.owner.log.info("link made", peer=peer)
        links.owner.replica.link_made(peer, links.owner.now_ms(), self._conversation.told)
        links.owner.schedule()

    def closed(self, reason: str) -> None:
        """Tell the replica, unless a newer link has taken this one's place; dial again."""
        links, peer = self._links, self._peer
        if peer is not None and links.links.get(peer) is self:
            del links.links[peer]
            links.owner.log.info("link lost", peer=peer, reason=reason)
            links.owner.replica.link_lost(peer, links.owner.now_ms())
            links.owner.schedule()
        if self._dialled is not None:
            links.ended(self._dialled, was_open=self._open and self._wanted)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self.stream is not None:
            self.stream.write(data)

    def close(self) -> None:
        """Close the link."""
        if self.stream is not None:
            self.stream.close()
