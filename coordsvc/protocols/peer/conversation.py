"""One link between two replicas: greeting, identity, version, then messages both ways.

Both sides greet first::

    ["coordsvc-peer", version, cluster, own name, the other's name,
     number of the own data folder, own addresses [peer, client, http], index of the membership]

The side that dialled must be told the name it dialled; a greeting from another cluster ends the
link before any message is looked at. Whoever is no member, or comes with another data folder than
the member had, is greeted, told so (Dismissal), and left. What follows the first five fields may
be missing: so do programs greet that know no numbers of folders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import msgpack

from coordsvc.base import limits
from coordsvc.base.errors import RemoteProtocolError
from coordsvc.base.ids import NodeId
from coordsvc.protocols.peer import codec
from coordsvc.raft.messages import MemberInfo
from coordsvc.replica.codec import EntryEncoder
from coordsvc.replica.gate import Greeting
from coordsvc.replica.messages import Dismissal, PeerMessage

MAGIC: Final = "coordsvc-peer"
VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Who this replica is to others."""

    cluster: str
    node: NodeId


class Doorkeeper(Protocol):
    """Who knows the membership: `replica.gate.Gate`."""

    def greeting(self) -> Greeting:
        """Return what this replica says of itself."""

    def refusal_of(self, greeting: Greeting) -> Dismissal | None:
        """Return why the sender of this greeting is not wanted; None if it is."""


class TurnedAway(RemoteProtocolError):
    """The other side is not wanted: send it `farewell`, then close the link."""

    def __init__(self, text: str, farewell: bytes) -> None:
        super().__init__(text)
        self.farewell = farewell


class PeerConversation:
    """The protocol state of one link. Bytes in, messages out; no I/O."""

    __slots__ = ("_dialled", "_doorkeeper", "_identity", "_kept", "peer", "told")

    def __init__(
        self, identity: PeerIdentity, doorkeeper: Doorkeeper, dialled: NodeId | None
    ) -> None:
        self._identity = identity
        self._doorkeeper = doorkeeper
        self._dialled = dialled
        self._kept = b""
        self.peer: NodeId | None = None
        """The other side's name, once it has greeted."""
        self.told: Greeting | None = None
        """What it said of itself."""

    def greeting(self, to: NodeId) -> bytes:
        """Return the frame with which this side starts."""
        me, said = self._identity, self._doorkeeper.greeting()
        info = said.info
        places = [info.peer, info.client, info.http]
        fields = [MAGIC, VERSION, me.cluster, me.node, to, info.identity, places, said.index]
        body: bytes = msgpack.packb(fields)
        return len(body).to_bytes(4, "big") + body

    def farewell(self, dismissal: Dismissal) -> bytes:
        """Return the last frame to a peer whose link has stood until now."""
        return codec.encode(dismissal, EntryEncoder())

    def refusal(self) -> Dismissal | None:
        """Return why the peer is not wanted any more; None if it is."""
        return None if self.told is None else self._doorkeeper.refusal_of(self.told)

    def receive_data(self, data: bytes) -> list[PeerMessage]:
        """Return the messages that are now complete.

        Raises:
            RemoteProtocolError: the link must be closed; the text says why.

        """
        if self.peer and not self._kept and len(data) - 4 == int.from_bytes(data[:4], "big"):
            return [codec.decode(data[4:])]  # nearly always, when little is under way
        data = self._kept + data if self._kept else data
        found: list[PeerMessage] = []
        at, end = 0, len(data)
        while end - at >= 4:
            size = int.from_bytes(data[at : at + 4], "big")
            if size > (limits.PEER_FRAME_BYTES_MAX if self.peer else 4 * limits.KIB):
                raise RemoteProtocolError(f"a frame of {size} bytes is too large")
            stop = at + 4 + size
            if stop > end:
                break
            body = data[at + 4 : stop]
            if self.peer is None:
                self._greeted(body)
            else:
                found.append(codec.decode(body))
            at = stop
        self._kept = data[at:]
        return found

    def _greeted(self, body: bytes) -> None:
        node, told = self._read_greeting(body)
        dismissal = self._doorkeeper.refusal_of(told)
        if dismissal is not None:
            greeting = b"" if self._dialled is not None else self.greeting(node)
            raise TurnedAway(dismissal.text, greeting + self.farewell(dismissal))
        self.peer = node
        self.told = told

    def _read_greeting(self, body: bytes) -> tuple[NodeId, Greeting]:
        try:
            fields: object = msgpack.unpackb(body)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise RemoteProtocolError("not a greeting of a replica") from error
        match fields:
            case [str(magic), int(version), *rest] if magic == MAGIC:
                if version != VERSION:
                    raise RemoteProtocolError(
                        f"protocol version {version}; this replica speaks {VERSION}"
                    )
            case _:
                raise RemoteProtocolError("not a greeting of a replica")
        match rest:
            case [str(cluster), str(node), str(to)]:
                told = Greeting(MemberInfo(node))
            case [
                str(cluster),
                str(node),
                str(to),
                int(identity),
                [str(peer), str(client), str(http)],
                int(index),
                *_,
            ]:
                told = Greeting(MemberInfo(node, identity, peer, client, http), index)
            case _:
                raise RemoteProtocolError("not a greeting of a replica")
        me = self._identity
        if cluster != me.cluster:
            raise RemoteProtocolError(f"a replica of cluster {cluster!r}, not {me.cluster!r}")
        if to != me.node:
            raise RemoteProtocolError(f"it looks for {to!r}, this is {me.node!r}")
        if node == me.node or node != (self._dialled or node):
            raise RemoteProtocolError(f"{node!r} is not a member that is expected here")
        return node, told
