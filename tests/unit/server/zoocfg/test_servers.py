import pytest

from coordsvc.server.addresses import Address
from coordsvc.server.zoocfg.servers import EnsembleServer, server_of


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("zoo1:2888:3888", EnsembleServer(1, Address("zoo1", 2888), "participant", None)),
        ("zoo1:2888", EnsembleServer(1, Address("zoo1", 2888), "participant", None)),
        ("zoo1", EnsembleServer(1, Address("zoo1", 2888), "participant", None)),
        ("zoo1:2888:3888:observer", EnsembleServer(1, Address("zoo1", 2888), "observer", None)),
        (
            "zoo1:2888:3888;2181",
            EnsembleServer(1, Address("zoo1", 2888), "participant", Address("0.0.0.0", 2181)),
        ),
        (
            "zoo1:2888:3888:Participant;10.0.0.1:2181",
            EnsembleServer(1, Address("zoo1", 2888), "participant", Address("10.0.0.1", 2181)),
        ),
        (
            "[2001:db8::1]:2888:3888;[::]:2181",
            EnsembleServer(1, Address("2001:db8::1", 2888), "participant", Address("::", 2181)),
        ),
        (
            "a:2888:3888|b:2889:3889;2181",
            EnsembleServer(
                1, Address("a", 2888), "participant", Address("0.0.0.0", 2181), ("b:2889:3889",)
            ),
        ),
    ],
)
def test_all_forms_of_a_server_are_read(text, server):
    assert server_of("1", text) == server
    assert server.name == "n1"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("x", "a:1:2"),
        ("-1", "a:1:2"),
        ("99999999999", "a:1:2"),
        ("1", ""),
        ("1", ":2888:3888"),
        ("1", "a:1:2:voter"),
        ("1", "a:1:2:3:4"),
        ("1", "a:x1:2"),
        ("1", "a:1:2;"),
        ("1", "a:1:2;host"),
    ],
)
def test_what_is_no_server_is_refused(number, text):
    with pytest.raises(ValueError):
        server_of(number, text)
