from __future__ import annotations

import pytest

from coordsvc.raft.messages import COMMAND, Entry, HardState, Heartbeat
from coordsvc.raft.ready import Ready


def test_an_empty_ready_asks_for_nothing() -> None:
    ready = Ready()
    assert not ready
    ready.first_index = 5
    assert not ready


@pytest.mark.parametrize(
    "fields",
    [
        {"hard_state": HardState(1, None)},
        {"entries": [Entry(1, COMMAND, 0, b"")]},
        {"send_now": [("n2", Heartbeat(1, 0, 1))]},
        {"send_after_sync": [("n2", Heartbeat(1, 0, 1))]},
        {"commit": 1},
        {"reads": [(1, 1)]},
        {"reads_failed": [1]},
        {"snapshot_to": ["n2"]},
        {"leadership_changed": True},
        {"membership_changed": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_any_one_thing_makes_a_ready_worth_taking(fields: dict) -> None:
    ready = Ready()
    for name, value in fields.items():
        setattr(ready, name, value)
    assert ready
