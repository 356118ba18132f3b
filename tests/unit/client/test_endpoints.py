import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc_client.endpoints import (
    BACKOFF_MS_MAX,
    Address,
    Endpoints,
    parse_address,
    parse_target,
)


def test_a_url_names_servers_chroot_and_options():
    target = parse_target("coord://h1:2182,h2,[::1]:9/shop/a%20b/?timeout=5&name=me")
    assert target.addresses == (Address("h1", 2182), Address("h2", 2181), Address("::1", 9))
    assert target.chroot == "/shop/a b"
    assert target.options == {"timeout": "5", "name": "me"}


@pytest.mark.parametrize("where", ["h1:1,h2:2", ["h1:1", "h2:2"], "coord://h1:1,h2:2/"])
def test_lists_and_urls_mean_the_same(where):
    target = parse_target(where)
    assert target.addresses == (Address("h1", 1), Address("h2", 2))
    assert target.chroot == ""


@pytest.mark.parametrize(
    "where",
    ["", "http://h", "coord://", "h:x", "h:0", "h:70000", "[::1", "[::1]x", ":5", "h?tiemout=1"],
)
def test_what_cannot_be_understood_is_refused(where):
    with pytest.raises(ValueError):
        parse_target(where)


@given(st.sampled_from(["h", "::1", "10.0.0.1"]), st.integers(1, 65_535))
def test_an_address_survives_being_written_and_read(host, port):
    assert parse_address(str(Address(host, port))) == Address(host, port)


def test_servers_are_tried_in_turn_from_a_random_start():
    addresses = [Address(name, 1) for name in "abc"]
    endpoints = Endpoints(addresses, lambda n: 1)
    assert [endpoints.next().host for _ in range(4)] == ["b", "c", "a", "b"]


def test_beside_one_server_the_others_are_tried_in_turn():
    a, b, c = (Address(name, 1) for name in "abc")
    endpoints = Endpoints([a, b, c], lambda n: 0)
    assert [endpoints.other(a) for _ in range(3)] == [b, c, b]
    assert Endpoints([a], lambda n: 0).other(a) is None
    assert Endpoints([a], lambda n: 0).other(b) == a


def test_the_first_round_has_no_pauses_later_ones_grow_to_a_bound_until_one_succeeds():
    endpoints = Endpoints([Address("a", 1), Address("b", 1)], lambda n: n - 1)
    pauses = [endpoints.failed() for _ in range(30)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert 0 < pauses[1] < 100
    assert pauses[-1] == BACKOFF_MS_MAX - 1
    endpoints.succeeded()
    assert endpoints.failed() == 0


def test_members_that_are_told_of_are_tried_too_and_those_given_stay():
    endpoints = Endpoints(parse_target("a:1,b:2").addresses, lambda n: 0)
    endpoints.learn(["b:2", "c:3", "nonsense:port"])
    assert [str(endpoints.next()) for _ in range(4)] == ["a:1", "b:2", "c:3", "a:1"]
    endpoints.learn(["d:4"])
    assert sorted({str(endpoints.next()) for _ in range(9)}) == ["a:1", "b:2", "d:4"]
