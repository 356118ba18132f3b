import pytest

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import ZooKeeperHall
from coordsvc.protocols.zookeeper.identification import Identification
from coordsvc.protocols.zookeeper.identity import digest_of
from coordsvc.protocols.zookeeper.jute import HEADER, Reader, pack_buffer
from coordsvc.protocols.zookeeper.records import pack_auth, read_reply_header
from coordsvc.protocols.zookeeper.sasl import DigestMd5
from coordsvc.state.acl import SUPER
from tests.unit.protocols.zookeeper.test_sasl import NONCE, USERS, response_of


def known(*, sasl=True, supers=(), super_digest="", known_as=()):
    hall = ZooKeeperHall(None, [], lambda: b"", super_digest=super_digest)
    hall.super_users = frozenset(supers)
    if sasl:
        hall.new_sasl = lambda: DigestMd5(USERS, NONCE)
    return Identification(hall, "10.0.0.1:5", known_as)


def show(who, op, body):
    """Return (xid, zxid, error, rest of the reply, whether to go on)."""
    answer, may_go_on = who.step(7, op, HEADER.pack(7, op) + body, 99)
    reader = Reader(answer, 4)
    header = read_reply_header(reader)
    return header.xid, header.zxid, header.error, reader, may_go_on


def token(who, data):
    return show(who, numbers.SASL, pack_buffer(data))


def test_an_address_is_all_there_is_to_say_of_a_new_client():
    who = known()
    assert who.who == (("ip", "10.0.0.1"),)
    assert who.bare


def test_a_certificate_is_known_from_the_start_and_may_be_that_of_a_super_user():
    bob = (("x509", "CN=bob"),)
    who = known(known_as=bob)
    assert who.who == (("ip", "10.0.0.1"), ("x509", "CN=bob"))
    assert not who.bare
    assert SUPER in known(known_as=bob, supers={"CN=bob"}).who


def test_a_digest_is_shown_by_its_password():
    who = known()
    xid, zxid, error, _, may_go_on = show(who, numbers.AUTH, pack_auth("digest", b"a:b"))
    assert (xid, zxid, error, may_go_on) == (7, 0, 0, True)
    assert who.who[1] == ("digest", digest_of(b"a:b"))
    assert not who.bare
    assert SUPER not in who.who


def test_the_super_digest_raises_above_all():
    who = known(super_digest=digest_of(b"root:secret"))
    show(who, numbers.AUTH, pack_auth("digest", b"root:secret"))
    assert SUPER in who.who


def test_what_is_refused_ends_the_connection():
    xid, zxid, error, _, may_go_on = show(known(), numbers.AUTH, pack_auth("kerberos", b"x"))
    assert (xid, zxid, error) == (7, 0, numbers.AUTH_FAILED)
    assert not may_go_on


def test_malformed_bytes_are_told_and_end_nothing():
    for op in (numbers.AUTH, numbers.SASL):
        xid, zxid, error, _, may_go_on = show(known(), op, b"\0")
        assert (xid, zxid, error) == (7, 99, numbers.MARSHALLING_ERROR)
        assert may_go_on


@pytest.mark.parametrize(("supers", "raised"), [((), False), (("bob",), True)])
def test_a_user_is_shown_by_a_challenge_and_its_answer(supers, raised):
    who = known(supers=supers)
    xid, zxid, error, reader, may_go_on = token(who, b"")
    assert (xid, zxid, error, may_go_on) == (7, 99, 0, True)
    assert b'realm="zk-sasl-md5"' in reader.read_buffer()
    assert who.bare
    _, _, error, reader, _ = token(who, response_of("bob", "bobsecret")[0])
    assert error == 0
    assert reader.read_buffer().startswith(b"rspauth=")
    assert ("sasl", "bob") in who.who
    assert (SUPER in who.who) == raised
    assert not who.bare
    assert token(who, b"")[2] == 0, "one may show to be somebody else too"


def test_a_wrong_answer_ends_the_connection():
    who = known()
    token(who, None)
    _, _, error, _, may_go_on = token(who, response_of("bob", "wrong")[0])
    assert (error, may_go_on) == (numbers.AUTH_FAILED, False)
    assert who.who == (("ip", "10.0.0.1"),)


def test_without_users_nobody_can_be_shown():
    _, _, error, _, may_go_on = token(known(sasl=False), b"")
    assert (error, may_go_on) == (numbers.AUTH_FAILED, False)
