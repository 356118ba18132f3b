"""Access control lists: who matches, what is valid, and that equal ones are one object."""

import pytest

from coordsvc.base.vocabulary import codes
from coordsvc.state import acl
from coordsvc.state.arguments import MalformedCommand

ANYONE = ("world", "anyone")


def allows(entries, who, wanted=acl.READ):
    return acl.Acl(tuple(entries)).allows(tuple(who), wanted)


def test_the_open_acl_is_none_and_others_are_shared():
    assert acl.acl_of(((31, *ANYONE),)) is None
    entries = ((1, *ANYONE), (31, "digest", "a:b"))
    assert acl.acl_of(entries) is acl.acl_of(tuple(entries))
    assert acl.entries_of(acl.acl_of(entries)) == entries
    assert acl.entries_of(None) == acl.OPEN


@pytest.mark.parametrize(
    ("entry", "who", "expected"),
    [
        ((31, *ANYONE), [], True),
        ((2, *ANYONE), [], False),
        ((31, "digest", "a:b"), [("digest", "a:b")], True),
        ((31, "digest", "a:b"), [("digest", "a:c")], False),
        ((31, "digest", "a:b"), [("sasl", "a:b")], False),
        ((31, "ip", "10.0.0.1"), [("ip", "10.0.0.1")], True),
        ((31, "ip", "10.0.0.0/8"), [("ip", "10.9.8.7")], True),
        ((31, "ip", "10.0.0.0/8"), [("ip", "11.9.8.7")], False),
        ((31, "ip", "10.0.0.0/8"), [("ip", "nonsense"), ("digest", "10.0.0.1")], False),
        ((31, "ip", "::1"), [("ip", "::1")], True),
        ((0, "digest", "a:b"), [acl.SUPER], True),
    ],
)
def test_who_matches_an_entry(entry, who, expected):
    assert allows([entry], who) is expected


def test_any_entry_with_the_permission_will_do():
    entries = [(acl.READ, *ANYONE), (acl.WRITE, "digest", "a:b")]
    assert allows(entries, [("digest", "a:b")], acl.WRITE)
    assert not allows(entries, [], acl.WRITE)
    assert allows(entries, [], acl.READ | acl.ADMIN)


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [(31, "world", "me")],
        [(31, "digest", "nopassword")],
        [(31, "digest", "a:b:c")],
        [(31, "digest", "a:")],
        [(31, "ip", "10.0.0.300")],
        [(31, "ip", "10.0.0.0/33")],
        [(31, "ip", "10.0.0.0/255.0.0.0")],
        [(31, "auth", "")],
        [(31, "super", "")],
        [(31, "sasl", "")],
        [(31, "x509", "x" * 2_000)],
        [(2**31, *ANYONE)],
        [(31, *ANYONE)] * 300,
    ],
)
def test_what_names_nobody_is_refused(entries):
    assert acl.fault_of(tuple(entries))
    with pytest.raises(MalformedCommand) as caught:
        acl.read_acl([list(entry) for entry in entries])
    assert caught.value.code == codes.INVALID_ACL


@pytest.mark.parametrize("perms", [0, 31, 64, -1])
def test_permissions_may_be_none_or_unknown(perms):
    assert not acl.fault_of(((perms, *ANYONE),))


@pytest.mark.parametrize("value", [None, [1], [[1, "world"]], [[True, *ANYONE]], [["1", *ANYONE]]])
def test_another_shape_is_malformed(value):
    with pytest.raises(MalformedCommand) as caught:
        acl.read_acl(value)
    assert caught.value.code == codes.MALFORMED


def test_identities_are_read():
    assert acl.read_who([["ip", "10.0.0.1"], ["digest", "a:b"]]) == (
        ("ip", "10.0.0.1"),
        ("digest", "a:b"),
    )
    for value in (None, [["ip"]], [[1, 2]], [["a", "b"]] * 65):
        with pytest.raises(MalformedCommand):
            acl.read_who(value)


def test_an_address_is_an_identity():
    assert acl.who_at("10.0.0.1:22") == (("ip", "10.0.0.1"),)
    assert acl.who_at("::1:22") == (("ip", "::1"),)
    assert acl.who_at("") == ()
