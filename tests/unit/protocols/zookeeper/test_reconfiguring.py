import pytest

from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.identity import digest_of
from coordsvc.protocols.zookeeper.jute import LONG, pack_string
from coordsvc.protocols.zookeeper.reconfiguring import ConfigWatch
from coordsvc.replica.changes import Fault, MembersOutcome

NEW = "server.4=h:1:2:participant;9"


@pytest.fixture
def root(house):
    house.hall.super_digest = digest_of(b"root:secret")
    guest = house.guest()
    guest.ask(numbers.AUTH, records.pack_auth("digest", b"root:secret"), xid=-4)
    return guest


@pytest.fixture
def changes(house, monkeypatch):
    """What the replica is asked for, and the way to answer."""
    asked = []
    monkeypatch.setattr(
        type(house.replica), "change_members", lambda _self, *change: asked.append(change)
    )
    return asked


def body(joining=None, leaving=None, new=None, version=-1):
    return pack_string(joining) + pack_string(leaving) + pack_string(new) + LONG.pack(version)


def test_only_a_super_user_changes_the_ensemble(house, changes):
    assert house.guest().ask(numbers.RECONFIG, body(NEW)).error == numbers.NO_AUTH
    assert changes == []


def test_what_makes_no_sense_is_a_bad_argument_and_bad_bytes_are_told(root, changes):
    assert root.ask(numbers.RECONFIG, body("server.4=h")).error == numbers.BAD_ARGUMENTS
    assert root.ask(numbers.RECONFIG, b"\0").error == numbers.MARSHALLING_ERROR
    assert changes == []
    assert root.get("/").error == 0


def test_a_change_is_answered_with_the_new_text_when_it_is_made(house, root, changes):
    root.send(numbers.RECONFIG, body(NEW, version=7))
    root.send(numbers.EXISTS, records.pack_path_watch("/", False))
    assert root.hear() == [], "what is asked behind it waits"
    ((change, answer),) = changes
    assert change.expected == 7
    assert [info.name for info in change.add] == ["n4"]
    house.hall.config = lambda: b"server.1=...\nversion=8"
    answer(MembersOutcome(None, "", 8))
    made, behind = root.hear()
    assert made.error == 0
    assert made.reader.read_buffer() == b"server.1=...\nversion=8"
    assert made.stat.version == -1
    assert behind.error == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.BAD_VERSION, numbers.BAD_VERSION),
        (Fault.NO_VOTERS, numbers.BAD_ARGUMENTS),
        (Fault.QUORUM_AT_RISK, numbers.NEW_CONFIG_NO_QUORUM),
        (Fault.TIMED_OUT, numbers.RECONFIG_IN_PROGRESS),
    ],
)
def test_a_refusal_has_the_error_that_fits(root, changes, fault, error):
    root.send(numbers.RECONFIG, body(NEW))
    changes[0][1](MembersOutcome(fault, "no", 1))
    (answer,) = root.hear()
    assert answer.error == error
    assert root.get("/").error == 0


def test_behind_a_write_it_waits_for_its_turn(root, changes):
    create = records.Create("/a", b"", [records.AclEntry(31, "world", "anyone")], 0, 0)
    root.send(numbers.CREATE, records.pack_create(create, numbers.CREATE))
    root.send(numbers.RECONFIG, body("nonsense"))
    first, second = root.hear()
    assert (first.error, second.error) == (0, numbers.BAD_ARGUMENTS)


def test_who_is_there_already_needs_no_change(house, root, changes):
    answer = root.ask(numbers.RECONFIG, body(leaving="99"))
    assert answer.error == 0
    assert changes == []


def test_a_client_that_is_gone_is_not_answered(root, changes):
    root.send(numbers.RECONFIG, body(NEW))
    root.talk.lost()
    changes[0][1](MembersOutcome(None, "", 8))
    assert root.hear() == []


def test_watchers_are_told_of_a_new_text_and_only_then(house, monkeypatch):
    texts = [b"one"]
    house.hall.config = lambda: texts[-1]
    watch = ConfigWatch(house.hall)
    guest = house.guest()
    guest.get("/zookeeper/config", watch=True)
    watch.look()
    index = [5]
    monkeypatch.setattr(
        type(house.replica.raft), "membership_index", property(lambda _raft: index[0])
    )
    watch.look()
    assert guest.hear() == [], "the text is the same"
    texts.append(b"two")
    index[0] = 10**9
    watch.look()
    assert guest.hear() == [], "it is not decided yet"
    index[0] = house.replica.raft.commit
    watch.look()
    (told,) = guest.hear()
    assert told.event == (numbers.NODE_DATA_CHANGED, "/zookeeper/config")
