"""One link between two replicas: greeting, identity, version, then messages both ways.

Both sides greet first: ["coordsvc-peer", version, cluster, own name, the other's name].
The side that dialled must be told the name it dialled; a greeting from another cluster or from
a stranger ends the link before any message is looked at.
"""

from __future__ import annotations

from typing import Final

import msgpack

from coordsvc.base import limits
from coordsvc.base.errors import RemoteProtocolError
from coordsvc.base.ids import NodeId
from coordsvc.base.record import record
from coordsvc.protocols.peer import codec
from coordsvc.replica.messages import PeerMessage

MAGIC: Final = "coordsvc-peer"
VERSION: Final = 1


@record
class PeerIdentity:
    """Who this replica is to others."""

    cluster: str
    node: NodeId


class PeerConversation:
    """The protocol state of one link. Bytes in, messages out; no I/O."""

    __slots__ = ("_identity", "_kept", "_known", "peer")

    def __init__(
        self, identity: PeerIdentity, known: frozenset[NodeId], dialled: NodeId | None
    ) -> None:
        self._identity = identity
        self._known = known if dialled is None else frozenset({dialled})
        self._kept = b""
        self.peer: NodeId | None = None
        """The other side's name, once it has greeted."""

    def greeting(self, to: NodeId) -> bytes:
        """Return the frame with which this side starts."""
        me = self._identity
        body: bytes = msgpack.packb([MAGIC, VERSION, me.cluster, me.node, to])
        return len(body).to_bytes(4, "big") + body

    def receive_data(self, data: bytes) -> list[PeerMessage]:
        """Return the messages that are now complete.

        Raises:
            RemoteProtocolError: the link must be closed; the text says why.

        """
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
        try:
            magic, version, cluster, node, to = msgpack.unpackb(body)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise RemoteProtocolError("not a greeting of a replica") from error
        me = self._identity
        if magic != MAGIC:
            raise RemoteProtocolError("not a greeting of a replica")
        if version != VERSION:
            raise RemoteProtocolError(f"protocol version {version}; this replica speaks {VERSION}")
        if cluster != me.cluster:
            raise RemoteProtocolError(f"a replica of cluster {cluster!r}, not {me.cluster!r}")
        if to != me.node:
            raise RemoteProtocolError(f"it looks for {to!r}, this is {me.node!r}")
        if not isinstance(node, str) or node not in self._known or node == me.node:
            raise RemoteProtocolError(f"{node!r} is not a member that is expected here")
        self.peer = node
