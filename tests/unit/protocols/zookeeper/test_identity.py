"""Who a client has shown to be, and what it may ask for."""

import pytest

from coordsvc.protocols.zookeeper import identity
from coordsvc.protocols.zookeeper.records import AclEntry

IP = (("ip", "10.0.0.1"),)


def test_a_digest_is_zookeepers():
    # From ZooKeeper's own documentation of DigestAuthenticationProvider.
    assert identity.digest_of(b"super:test") == "super:D/InIHSb7yEEbrWz8b9l71RjZJU="


def test_identities_are_added_and_kept_once():
    who = identity.authenticate(IP, "digest", b"super:test", "")
    assert who == (*IP, ("digest", "super:D/InIHSb7yEEbrWz8b9l71RjZJU="))
    assert identity.authenticate(who, "digest", b"super:test", "") == who
    assert identity.authenticate(who, "ip", None, "") == who
    for scheme, credentials in (("world", b""), (None, b"x"), ("digest", None), ("sasl", b"x")):
        assert identity.authenticate(who, scheme, credentials, "") is None


def test_identities_are_few_and_short():
    assert identity.authenticate(IP, "digest", b"x" * 2_000 + b":y", "") is None
    who = IP
    for number in range(63):
        who = identity.authenticate(who, "digest", b"u%d:p" % number, "")
    assert len(who) == 64
    assert identity.authenticate(who, "digest", b"one:more", "") is None
    assert identity.authenticate(who, "digest", b"u1:p", "") == who


def test_the_super_digest_opens_everything():
    digest = identity.digest_of(b"super:test")
    assert ("super", "") in identity.authenticate(IP, "digest", b"super:test", digest)
    assert ("super", "") not in identity.authenticate(IP, "digest", b"super:best", digest)


def test_auth_stands_for_who_one_has_shown_to_be_and_copies_collapse():
    who = (*IP, ("digest", "a:x"), ("x509", "CN=b"))
    wanted = [AclEntry(31, "auth", "ignored"), AclEntry(31, "digest", "a:x")]
    assert identity.entries_from(wanted, who) == ((31, "digest", "a:x"), (31, "x509", "CN=b"))
    for nothing in (None, [], [AclEntry(31, "auth", "")]):
        with pytest.raises(identity.InvalidAclError):
            identity.entries_from(nothing, IP)


def test_hashes_are_hidden():
    entries = ((31, "digest", "a:x="), (1, "world", "anyone"))
    assert [each.id for each in identity.shown_to(entries, admin=True)] == ["a:x=", "anyone"]
    assert [each.id for each in identity.shown_to(entries, admin=False)] == ["a:x", "anyone"]
    assert identity.names_of((*IP, ("digest", "a:x="))) == [*IP, ("digest", "a")]
