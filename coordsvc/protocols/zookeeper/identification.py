"""Identification: a client shows who it is, by an auth packet or by SASL."""

from __future__ import annotations

from coordsvc.base.ids import Index
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.answers import failure, reply
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.identity import authenticate, with_super, with_user
from coordsvc.protocols.zookeeper.jute import JuteError, Reader, pack_buffer
from coordsvc.protocols.zookeeper.sasl import DigestMd5, SaslError
from coordsvc.state.acl import Who, who_at


class Identification:
    """Who one client has shown to be: `who`. What is wrong ends its connection."""

    __slots__ = ("_hall", "_sasl", "bare", "who")

    def __init__(self, hall: ZooKeeperHall, address: str, known_as: Who) -> None:
        self._hall = hall
        self._sasl: DigestMd5 | None = None
        self.who: Who = with_super((*who_at(address), *known_as), hall.super_users)
        self.bare = not known_as
        """Whether its address says all there is to say."""

    def step(self, xid: int, op: int, frame: bytes, zxid: Index) -> tuple[bytes, bool]:
        """Take an auth packet or a token of SASL; return the reply, and whether to go on."""
        before = self.who
        try:
            reader = Reader(frame, 8)
            if op == numbers.SASL:
                answer: bytes | None = self._negotiate(xid, reader, zxid)
            else:
                answer = self._authenticate(xid, reader)
        except JuteError:
            return failure(xid, zxid, numbers.MARSHALLING_ERROR), True
        except SaslError:
            return failure(xid, zxid, numbers.AUTH_FAILED), False
        if answer is None:
            return failure(xid, 0, numbers.AUTH_FAILED), False
        self.bare = self.bare and self.who == before
        return answer, True

    def _authenticate(self, xid: int, reader: Reader) -> bytes | None:
        reader.read_int()
        scheme, credentials = reader.read_string(), reader.read_buffer()
        who = authenticate(self.who, scheme, credentials, self._hall.super_digest)
        if who is None:
            return None
        self.who = who
        return failure(xid, 0, numbers.OK)

    def _negotiate(self, xid: int, reader: Reader, zxid: Index) -> bytes:
        token = reader.read_buffer() or b""
        sasl = self._sasl or self._hall.new_sasl()
        if sasl is None:
            raise SaslError("there are no users")
        answer = sasl.step(token)
        self._sasl = sasl if sasl.user is None else None
        if sasl.user is not None:
            self.who = with_user(self.who, sasl.user, self._hall.super_users)
        return reply(xid, zxid, pack_buffer(answer))
