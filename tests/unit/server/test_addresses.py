import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.server.addresses import Address, address_of, member_of, members_of


def test_an_address_is_a_host_and_a_port():
    assert address_of("node-1.example:2181") == Address("node-1.example", 2181)
    assert address_of("[::1]:2181") == Address("::1", 2181)
    assert address_of("node", default_port=7) == Address("node", 7)
    assert address_of("[::1]", default_port=7) == Address("::1", 7)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        ":1",
        "host:",
        "host:x",
        "host:65536",
        "host:-1",
        "::1:2181",
        "[::1:1",
        "[::1]x:1",
        "a b:1",
        "host:²",
    ],
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        address_of(text)


@given(st.sampled_from(["a", "10.0.0.1", "::1", "fe80::1"]), st.integers(0, 65_535))
def test_an_address_reads_back_what_it_is_written_as(host, port):
    address = Address(host, port)
    assert address_of(str(address)) == address


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("node", False),
    ],
)
def test_only_loopback_is_loopback(host, loopback):
    assert Address(host, 1).is_loopback is loopback


def test_a_wildcard_stands_for_every_interface():
    assert Address("0.0.0.0", 1).is_everywhere
    assert Address("::", 1).is_everywhere
    assert not Address("127.0.0.1", 1).is_everywhere
    assert not Address("node", 1).is_everywhere


def test_a_member_needs_no_more_than_a_name_and_a_host():
    member = member_of("n1=10.0.0.1")
    assert [str(a) for a in (member.peer, member.client, member.http)] == [
        "10.0.0.1:2281",
        "10.0.0.1:2181",
        "10.0.0.1:8181",
    ]


def test_the_parts_of_a_member_are_ports_or_addresses_of_their_own():
    member = member_of("n2=10.0.0.2:1/2/public.example:3")
    assert [str(a) for a in (member.peer, member.client, member.http)] == [
        "10.0.0.2:1",
        "10.0.0.2:2",
        "public.example:3",
    ]
    assert str(member_of("n2=h//9").client) == "h:2181"


@pytest.mark.parametrize(
    "text",
    ["n1", "=h", "a b=h", "n1=h:1/2/3/4", "n1=h:0", "n1=0.0.0.0", "n1=h:1/0", "n1=h:1/2/x:y"],
)
def test_what_is_no_member_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        member_of(text)


def test_a_member_reads_back_what_it_is_written_as():
    for text in ("n1=a:1/2/3", "n1=[::1]:1/2/3", "n1=a:1/b:2/3"):
        assert str(member_of(text)) == text


def test_members_share_neither_name_nor_address():
    assert len(members_of("n1=a, n2=b,")) == 2
    assert members_of("") == ()
    for text in ("n1=a,n1=b", "n1=a,n2=a", "n1=a:1/2/3,n2=b:1/a:2/3", "n1=a:1/1/2"):
        with pytest.raises(ValueError, match="twice"):
            members_of(text)
