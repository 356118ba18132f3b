"""Watches over the wire: setting, removing, and what a reconnected client has missed."""

import pytest

from coordsvc.base import limits
from coordsvc.protocols.zookeeper import numbers, records
from coordsvc.protocols.zookeeper.jute import INT, pack_string

CREATED, DELETED, CHANGED, CHILDREN = 1, 2, 3, 4


def add(guest, path, mode):
    return guest.ask(numbers.ADD_WATCH, pack_string(path) + INT.pack(mode))


def ask(guest, op, path, kind):
    return guest.ask(op, pack_string(path) + INT.pack(kind)).error


def set_watches(guest, since, *, op=numbers.SET_WATCHES2, **lists):
    names = ("data", "exist", "child", "persistent", "recursive")
    watches = records.SetWatches(since, *(lists.get(name, []) for name in names))
    return guest.ask(op, records.pack_set_watches(watches, op), xid=-8)


def test_a_persistent_watch_stays_and_tells_of_children(guest):
    assert add(guest, "/p", 0).body == b"\0\0\0\0"
    told = []
    for call in (
        lambda: guest.create("/p"),
        lambda: guest.create("/p/c"),
        lambda: guest.set("/p/c"),
        lambda: guest.set("/p"),
        lambda: guest.delete("/p/c"),
        lambda: guest.delete("/p"),
    ):
        call()
        told += guest.events
    assert told == [
        (CREATED, "/p"), (CHILDREN, "/p"), (CHANGED, "/p"), (CHILDREN, "/p"), (DELETED, "/p"),
    ]  # fmt: skip


def test_a_recursive_watch_tells_of_everything_below_and_never_of_children(guest):
    guest.create("/p")
    add(guest, "/p", 1)
    add(guest, "/p", 0)
    guest.create("/p/c")
    assert guest.events == [(CREATED, "/p/c"), (CHILDREN, "/p")]
    guest.create("/px")
    assert guest.events == []
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 4) == 0
    guest.set("/p")
    assert guest.events == [(CHANGED, "/p")]


def test_one_change_is_told_once_however_many_watches_match(guest):
    guest.create("/p")
    guest.get("/p", watch=True)
    guest.children("/p", watch=True)
    add(guest, "/p", 0)
    add(guest, "/", 1)
    guest.delete("/p")
    assert guest.events == [(DELETED, "/p")]


@pytest.mark.parametrize("mode", [2, -1])
def test_other_modes_are_refused(guest, mode):
    assert add(guest, "/p", mode).error == numbers.MARSHALLING_ERROR


def test_watches_are_checked_and_removed_by_type_and_only_ones_own(house, guest):
    guest.create("/p")
    house.guest().get("/p", watch=True)
    assert ask(guest, numbers.CHECK_WATCHES, "/p", 2) == numbers.NO_WATCHER
    guest.get("/p", watch=True)
    guest.children("/p", watch=True)
    assert ask(guest, numbers.CHECK_WATCHES, "/p", 2) == 0
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 2) == 0
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 2) == numbers.NO_WATCHER
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 3) == 0
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 1) == numbers.NO_WATCHER
    assert ask(guest, numbers.REMOVE_WATCHES, "/p", 9) == numbers.MARSHALLING_ERROR


def test_what_was_missed_is_told_before_the_reply_and_the_rest_is_set(guest):
    for path in ("/same", "/changed", "/parent", "/back"):
        guest.create(path)
    since = guest.create("/still").zxid
    guest.set("/changed")
    guest.create("/parent/c")
    answer = set_watches(
        guest, since, data=["/same", "/changed", "/gone"], exist=["/back", "/never"],
        child=["/still", "/parent", "/gone"], persistent=["/p"], recursive=["/r"],
    )  # fmt: skip
    assert (answer.xid, answer.error, answer.body) == (-8, 0, b"")
    assert guest.events == [
        (CHANGED, "/changed"), (DELETED, "/gone"), (CREATED, "/back"),
        (CHILDREN, "/parent"), (DELETED, "/gone"),
    ]  # fmt: skip
    told = []
    for call in (
        lambda: guest.set("/same"),
        lambda: guest.set("/changed"),
        lambda: guest.create("/never"),
        lambda: guest.create("/still/c"),
        lambda: guest.create("/p"),
        lambda: guest.create("/r"),
        lambda: guest.create("/r/s"),
    ):
        call()
        told += guest.events
    assert told == [
        (CHANGED, "/same"), (CREATED, "/never"), (CHILDREN, "/still"), (CREATED, "/p"),
        (CREATED, "/r"), (CREATED, "/r/s"),
    ]  # fmt: skip


def test_the_older_request_has_three_lists(guest):
    assert set_watches(guest, 0, op=numbers.SET_WATCHES, exist=["/n"]).error == 0
    guest.create("/n")
    assert guest.events == [(CREATED, "/n")]


def test_an_event_is_only_for_who_may_read_the_node(house, guest):
    other = house.guest()
    add(other, "/", 1)
    add(other, "/mine", 0)
    guest.auth(b"u:p")
    mine = [records.AclEntry(31, "auth", "")]
    guest.create("/mine", acl=mine)
    guest.create("/mine/c")
    guest.set("/mine")
    guest.delete("/mine/c")
    guest.delete("/mine")
    assert [each.event for each in other.hear()] == [(CREATED, "/mine/c"), (DELETED, "/mine/c")]


def test_there_is_a_bound(guest, monkeypatch):
    monkeypatch.setattr(limits, "PATH_WATCHES_PER_CONNECTION_MAX", 2)
    assert [add(guest, path, 0).error for path in ("/a", "/b", "/b", "/c")] == [0, 0, 0, -1]
