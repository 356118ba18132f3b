from __future__ import annotations

from coordsvc.raft.messages import (
    COMMAND,
    MEMBERSHIP,
    NOOP,
    AppendRequest,
    Entry,
    Membership,
    SnapshotMeta,
)


def test_an_entry_is_a_plain_tuple_to_a_codec() -> None:
    assert Entry(1, COMMAND, 5, b"x") == (1, 0, 5, b"x")
    assert len({COMMAND, NOOP, MEMBERSHIP}) == 3


def test_messages_are_equal_by_value() -> None:
    assert AppendRequest(1, 0, 0, 0, []) == AppendRequest(1, 0, 0, 0, [])
    assert AppendRequest(1, 0, 0, 0, []) != AppendRequest(2, 0, 0, 0, [])


def test_a_snapshot_without_a_stamp_has_the_oldest() -> None:
    assert SnapshotMeta(1, 1, Membership(("n1",))).stamp_ms == 0
