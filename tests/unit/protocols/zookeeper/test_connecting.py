"""How a ZooKeeper client comes in: its first frame, and the session it gets."""

import pytest

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import pack_frame

GONE = b"\0" * 4 + b"\0" * 4 + b"\0" * 8 + b"\0\0\0\x10" + bytes(16) + b"\0"


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 4_000), (-5, 4_000), (10_000, 10_000), (90_000, 40_000)]
)
def test_the_timeout_is_brought_within_bounds(house, asked, given):
    guest = house.guest(timeout=asked)
    assert guest.timeout_ms == given
    assert house.machine.sessions.by_id[guest.session].timeout_ms == given
    assert len(guest.password) == 16
    assert guest.password != bytes(16)


def test_an_old_client_gets_an_answer_without_the_last_byte(stranger):
    stranger.greet(read_only=None)
    assert [len(frame) for frame in stranger.frames()] == [36]


def test_a_client_that_has_seen_the_future_is_sent_elsewhere(house, stranger):
    stranger.greet(zxid=house.replica.applied + 1)
    assert stranger.frames() == []
    assert stranger.talk.closed


def test_one_that_has_seen_just_as_much_is_welcome(house):
    assert house.guest(zxid=house.replica.applied).session


@pytest.mark.parametrize("frame", [b"", b"\0" * 9])
def test_a_first_frame_that_is_none_ends_it(stranger, frame):
    stranger.raw(pack_frame(frame))
    assert stranger.talk.closed


def test_a_session_goes_on_over_another_connection(house, guest):
    guest.create("/e", flags=numbers.EPHEMERAL)
    again = house.guest(address="10.0.0.2:1", session=guest.session, password=guest.password)
    assert (again.session, again.password) == (guest.session, guest.password)
    assert guest.talk.closed
    assert again.exists("/e").error == 0
    assert again.create("/f").error == 0
    assert house.machine.sessions.by_id[guest.session].address == "10.0.0.2:1"


def test_a_wrong_password_is_told_apart_from_nothing_and_harms_nobody(house, guest):
    for session, password in ((guest.session, b"x" * 16), (99_999, guest.password)):
        other = type(guest)(house)
        other.greet(session=session, password=password)
        assert other.frames() == [GONE]
        assert other.talk.closed
    assert not guest.talk.closed
    assert guest.create("/a").error == 0


def test_a_stopping_server_takes_nobody(house, stranger):
    house.replica.stopping = True
    stranger.greet()
    assert stranger.talk.closed


def test_without_anybody_to_lead_it_is_sent_elsewhere(make_house):
    house = make_house(members=("a", "b", "c"))
    guest = house.guest()
    assert guest.session == 0
    house.pass_time(10_000)
    assert guest.talk.closed
    assert guest.frames() == []
