"""What is in a data folder, in words. The folder is one that version 1 wrote."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgpack
import pytest

from coordsvc.base.vocabulary import ops
from coordsvc.offline.inspection import SHOWN_BYTES_MAX, inspect_folder, view_of, views
from coordsvc.raft.messages import COMMAND, Entry
from coordsvc.replica.codec import internal_command
from coordsvc.storage.layout import DataFolder

SAMPLE = Path(__file__).parents[2] / "samples" / "v1" / "node"


@pytest.fixture
def place(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "node")
    return tmp_path / "node"


def inspect(place):
    folder = DataFolder.open_existing(place)
    try:
        return inspect_folder(folder)
    finally:
        folder.close()


def spoil(file, offset):
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)


def test_it_is_told_who_and_how_far_the_node_is(place):
    report = inspect(place)
    assert report.is_sound
    assert (report.identity.cluster, report.identity.node) == ("sample", "n1")
    assert (report.hard_state.term, report.hard_state.vote) == (5, "n2")
    assert (report.first_index, report.last_index, report.last_term) == (31, 62, 5)
    assert report.snapshot.index == 45
    assert report.membership.learners == ("n4",), "an entry behind the snapshot says so"
    assert report.log.is_vouched


def test_a_damaged_snapshot_leaves_a_log_that_does_not_begin_at_the_beginning(place):
    (snapshot,) = (place / "snapshots").iterdir()
    spoil(snapshot, 100)
    report = inspect(place)
    assert not report.is_sound
    assert report.snapshot is None
    assert "begins at entry 31, the snapshot ends at 0" in report.faults[0]


def test_damage_in_the_log_is_told_with_what_is_before_it(place):
    first, _ = sorted((place / "log").iterdir())
    spoil(first, 540)
    report = inspect(place)
    assert not report.is_sound
    assert (report.log.damage[0].place, report.log.damage[0].offset) == (str(first), 536)
    assert report.log.log.last_index == 36
    assert report.last_index == 45, "the snapshot goes further than what is left of the log"


def test_entries_are_shown_in_words(place):
    report = inspect(place)
    shown = {view.index: view for view in views(report, 48, 62)}
    assert sorted(shown) == list(range(48, 63))
    assert (shown[48].kind, shown[48].operation, shown[48].session) == ("command", "txn", 2)
    assert shown[48].arguments[:2] == [509, 506]
    assert (shown[55].kind, shown[55].arguments) == ("membership", [["n1", "n2", "n3"], [], ["n4"]])
    assert (shown[62].kind, shown[62].operation) == ("noop", "")
    assert [view.index for view in views(report, 33, 34)] == [33, 34]


def test_passwords_are_left_out(place):
    opened = [v for v in views(inspect(place), 0, 99) if v.operation == "open_session"]
    assert [view.index for view in opened] == [52]
    assert all(view.arguments[2] == "(password)" for view in opened)
    attach = internal_command(ops.ATTACH_SESSION, 1, 5, b"secret", 10_000, "x:1")
    assert b"secret" not in repr(view_of(1, Entry(1, COMMAND, 0, attach))).encode()


def test_large_data_is_shortened_and_noise_is_called_unreadable():
    put = msgpack.packb([3, [ops.PUT, 1, 1, "/a", b"x" * 1_000, False, []]])
    view = view_of(1, Entry(1, COMMAND, 0, put))
    assert view.arguments[3] == b"x" * SHOWN_BYTES_MAX + b"... 1000 bytes"
    assert view.size_bytes == len(put)
    assert view_of(1, Entry(1, COMMAND, 0, b"\xc1")).operation == "unreadable"
    assert view_of(1, Entry(1, 9, 0, b"")).kind == "unknown"
