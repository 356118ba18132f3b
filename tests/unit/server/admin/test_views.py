"""The state as JSON."""

from __future__ import annotations

from coordsvc.base.vocabulary import messages
from coordsvc.server.admin import views
from coordsvc.state.locks import Lock
from coordsvc.state.machine import StateMachine
from coordsvc.state.sessions import Session
from coordsvc.state.znode import Znode


def test_a_stat_has_every_field_by_name():
    seen = views.stat(Znode(b"xy", 7, 1_000, owner=2**60))
    assert set(seen) == set(messages.STAT_FIELDS)
    assert (seen["czxid"], seen["data_length"], seen["owner"]) == (7, 2, str(2**60))


def test_a_lock_delay_is_shown_while_it_lasts():
    machine = StateMachine()
    lock = Lock()
    lock.free_at_ms = 500
    machine.locks.by_path["/l"] = lock
    machine.time_ms = 499
    assert views.lock(machine, "/l")["free_at"] == 500
    machine.time_ms = 500
    assert views.lock(machine, "/l")["free_at"] is None


def test_ids_of_sessions_are_strings_because_readers_of_json_lose_digits():
    session = Session(
        2**60 + 1, password=b"", timeout_ms=1, client_name="c", address="a", opened_ms=5
    )
    assert views.session(session, None)["id"] == "1152921504606846977"
