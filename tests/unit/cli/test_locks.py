import json

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli import locks

HOLDER = [11, 255, "me@host", False, 12, 1_000, "rel 4"]
WAITER = [14, 7, "", False, 0, 2_000, ""]


@pytest.fixture(autouse=True)
def _clock(monkeypatch):
    monkeypatch.setattr(locks.time, "time", lambda: 61.0)


def test_locks_are_listed_with_holder_token_and_queue(ctl, server):
    server.answers[ops.LOCK_LIST] = (
        codes.OK,
        [["/locks/a", [HOLDER, HOLDER], [WAITER], 0], ["/locks/b", [], [WAITER], 5]],
    )
    lines = ctl("locks").stdout.splitlines()
    assert lines[0].split() == ["NAME", "HOLDER", "TOKEN", "HELD", "WAITING", "NOTE"]
    assert lines[1].split() == ["/locks/a", "me@host", "+1", "12", "1m00s", "1", "rel", "4"]
    assert lines[2].split() == ["/locks/b", "-", "-", "-", "1", "-"]
    assert [lock["path"] for lock in json.loads(ctl("locks", "-o", "json").stdout)] == [
        "/locks/a",
        "/locks/b",
    ]


def test_all_pages_are_listed(ctl, server, monkeypatch):
    monkeypatch.setattr(locks, "PAGE_LOCKS", 1)
    pages = {None: [["/a", [], [], 0]], "/a": [["/b", [], [], 0]], "/b": []}
    server.answers[ops.LOCK_LIST] = lambda a: (codes.OK, pages[a[2]])
    assert len(ctl("locks", "-o", "jsonl").stdout.splitlines()) == 2


def test_show_lists_who_holds_and_who_waits_in_order(ctl, server):
    server.answers[ops.LOCK_GET] = (codes.OK, ["/locks/a", [HOLDER], [WAITER], 0])
    result = ctl("locks", "show", "a")
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["STATE", "holds", "waits"]
    assert "coordctl locks break a" in result.stderr
    assert (
        json.loads(ctl("locks", "show", "a", "-o", "json").stdout)["queue"][0]["session"] == "0x7"
    )
    assert server.asked(ops.LOCK_GET)[0] == ["/locks/a"]


def test_show_of_a_free_lock(ctl, server):
    server.answers[ops.LOCK_GET] = (codes.OK, ["/locks/a", [], [], 0])
    assert ctl("locks", "show", "a").stdout == "/locks/a is free\n"


@pytest.mark.parametrize(("count", "text"), [(2, "2 lost it"), (0, "nobody held it")])
def test_break_takes_it_away(ctl, server, count, text):
    server.answers[ops.BREAK] = (codes.OK, count)
    assert ctl("locks", "break", "a", "--note", "stuck").stderr == f"/locks/a: {text}\n"
    assert server.asked(ops.BREAK) == [["/locks/a", "stuck"]]
    assert json.loads(ctl("locks", "break", "a", "-o", "json").stdout)["holders"] == count
