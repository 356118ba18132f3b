import pytest

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.jute import Reader, pack_string
from coordsvc.protocols.zookeeper.readonly import LOCAL
from tests.unit.protocols.zookeeper.conftest import Guest, House


@pytest.fixture
def cut_off(monkeypatch):
    """A replica that has data and no leader, and serves reads."""
    house = House()
    writer = house.guest()
    writer.create("/a", b"1")
    house.hall.read_only = True
    leader = [None]
    monkeypatch.setattr(type(house.replica.raft), "leader", property(lambda _raft: leader[0]))
    house.writer, house.leader = writer, leader
    return house


def welcomed(guest, **options):
    guest.greet(**options)
    frames = guest.frames()
    return records.read_connect_response(Reader(frames[0])) if frames else None


def test_a_client_that_asks_for_it_reads_and_changes_nothing(cut_off):
    guest = Guest(cut_off)
    response = welcomed(guest, read_only=True)
    assert response.read_only is True
    assert response.session >= LOCAL
    assert len(response.password) == 16
    answer = guest.get("/a", watch=True)
    assert answer.reader.read_buffer() == b"1"
    assert guest.create("/b").error == numbers.NOT_READ_ONLY
    assert guest.set("/a").error == numbers.NOT_READ_ONLY
    assert guest.ask(numbers.SYNC, pack_string("/")).error == numbers.NOT_READ_ONLY
    assert guest.ask(numbers.RECONFIG, b"").error == numbers.NOT_READ_ONLY
    assert guest.ask(numbers.PING, xid=-2).error == 0
    assert guest.ask(numbers.CLOSE_SESSION).error == 0
    assert guest.talk.closed


def test_a_session_of_before_goes_on_in_name_and_cannot_be_ended(cut_off):
    guest = Guest(cut_off)
    old = cut_off.writer
    response = welcomed(guest, read_only=True, session=old.session, password=old.password)
    assert (response.session, response.read_only) == (old.session, True)
    assert guest.ask(numbers.CLOSE_SESSION).error == numbers.NOT_READ_ONLY
    assert not guest.talk.closed


@pytest.mark.parametrize("session", [99, None])
def test_whether_an_unknown_session_is_over_nobody_can_tell(cut_off, session):
    guest = Guest(cut_off)
    wanted = session or cut_off.writer.session
    assert welcomed(guest, read_only=True, session=wanted, password=b"wrong" * 3 + b"!") is None
    assert guest.talk.closed


def test_who_does_not_ask_for_it_is_not_served_so(cut_off):
    ordinary = welcomed(Guest(cut_off), read_only=False)
    assert (ordinary.read_only, ordinary.session < LOCAL) == (False, True)
    cut_off.hall.read_only = False
    assert welcomed(Guest(cut_off), read_only=True).read_only is False


def test_it_stays_while_there_is_no_leader_and_is_sent_away_when_there_is_one(cut_off):
    guest = Guest(cut_off)
    welcomed(guest, read_only=True)
    guest.talk.rejected(33, "no leader is known here")  # NO_QUORUM
    guest.talk.leader_changed(None, 5)
    assert not guest.talk.closed
    guest.talk.leader_changed("b", 6)
    assert guest.talk.closed
    ordinary = cut_off.writer
    ordinary.talk.leader_changed("b", 6)
    assert not ordinary.talk.closed


def test_with_a_leader_the_same_client_is_an_ordinary_one(house):
    house.hall.read_only = True
    guest = Guest(house)
    response = welcomed(guest, read_only=True)
    assert response.read_only is False
    assert guest.create("/a").error == 0
