import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coordsvc.base import limits
from coordsvc.base.errors import CorruptData
from coordsvc.base.vocabulary import codes, ops
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine


def furnish(cell):
    one, two = cell.open("one"), cell.open("two")
    cell.create(one, "/a/b", b"data", parents=True)
    cell.create(one, "/none", None)
    cell.set(one, "/a", b"new")
    cell.create(one, "/e", kind=ops.EPHEMERAL)
    cell.create(one, "/t", kind=ops.TTL, ttl=900)
    cell.create(one, "/c/x", kind=ops.CONTAINER, parents=True)
    cell.create(one, "/c/x/y")
    cell.delete(one, "/c/x/y")
    cell.acquire(one, "/l", note="held")
    cell.acquire(two, "/l", shared=True, delay=50)
    cell.acquire(two, "/d", delay=5000)
    cell.txn(two, [], [[ops.SET, "/a", b"", -1, []]])
    three = cell.open("three")
    cell.acquire(three, "/delayed", delay=700)
    cell.expire(three)
    cell.acquire(two, "/delayed")
    return one, two


def test_an_image_of_a_restored_image_is_the_same_and_life_goes_on_alike(cell, make_cell):
    one, two = furnish(cell)
    image = cell.image()
    other = make_cell(StateMachine.restore(image))
    assert other.image() == image
    assert other.machine.next_due_ms() == cell.machine.next_due_ms()
    other.serials, other.now = dict(cell.serials), cell.now
    for twin in (cell, other):
        twin.tick(700)
        twin.set(one, "/a", b"1")
        twin.delete(two, "/a/b")
        twin.tick(5000)
        twin.do(two, ops.TXN, [], [[ops.SET, "/a", b"", -1, []]], [], serial=3)
        twin.expire(one)
        twin.close(two)
        twin.tick(5000)
    assert other.machine.digest == cell.machine.digest
    assert other.machine.history.since(0) == cell.machine.history.since(0)
    assert b"".join(other.image()) != b"".join(image)


def test_the_header_names_layout_and_version(cell):
    cell.open()
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(cell.image()[0])
    assert next(unpacker)[:4] == ["coordsvc-state", versions.NEWEST, 1, 1000]


def test_a_chunk_is_bounded_in_rows_and_bytes(cell):
    session = cell.open()
    for n in range(1200):
        cell.create(session, f"/n{n}")
    assert len(cell.image()) >= 4
    big = b"x" * (limits.SNAPSHOT_CHUNK_BYTES // 2)
    for n in range(8):
        cell.set(session, f"/n{n}", big)
    assert all(len(chunk) < 2 * limits.SNAPSHOT_CHUNK_BYTES for chunk in cell.image())


def test_chunks_may_be_cut_anywhere(cell, read_image):
    furnish(cell)
    whole = b"".join(cell.image())
    restored = StateMachine.restore(whole[at : at + 7] for at in range(0, len(whole), 7))
    assert b"".join(read_image(restored)) == whole


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["set", "create", "delete", "lock", "undo", "end", "chunk"]),
        st.integers(0, 9),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_capture_shows_the_state_at_its_beginning_whatever_happens_meanwhile(
    make_cell, canonical, steps
):
    with pytest.MonkeyPatch.context() as patch:
        cell = make_cell()
        one, two = furnish(cell)
        for n in range(5):
            cell.create(two, f"/a/{n}", b"x" * 10)
        expected = canonical(cell.machine)
        patch.setattr("coordsvc.state.image.ROWS_PER_CHUNK_MAX", 3)
        capture = cell.machine.capture()
        chunks = []
        for step, n in steps:
            if step == "set":
                cell.put(two, f"/a/{n}", b"changed")
            elif step == "create":
                cell.create(two, f"/a/{n}/sub", b"new", parents=True)
            elif step == "delete":
                cell.delete(two, f"/a/{n}", recursive=True)
            elif step == "lock":
                cell.acquire(two, f"/a/{n}")
                cell.do(two, ops.BREAK, "/l", "")
            elif step == "undo":
                cell.txn(
                    two,
                    [],
                    [[ops.SET, f"/a/{n}", b"no", -1, []], [ops.DELETE, "/q", -1, False, []]],
                )
            elif step == "end":
                cell.expire(one)
            elif (chunk := capture.next_chunk()) is not None:
                chunks.append(chunk)
        while (chunk := capture.next_chunk()) is not None:
            chunks.append(chunk)
        assert canonical(StateMachine.restore(chunks)) == expected


def test_there_is_one_capture_at_a_time_and_it_can_be_abandoned(cell):
    capture = cell.machine.capture()
    with pytest.raises(AssertionError):
        cell.machine.capture()
    capture.abandon()
    capture.abandon()
    assert capture.next_chunk() is None
    assert cell.machine.tree.sweep is None
    assert cell.image()


def rows_of(chunks):
    unpacker = msgpack.Unpacker(raw=False)
    for chunk in chunks:
        unpacker.feed(chunk)
    return list(unpacker)


def damaged(rows):
    header, end = rows[0], rows[-1]
    node = next(row for row in rows[1:] if row[0] == 1 and row[1] == "/a/b")
    yield "empty", []
    yield "another magic", [["x", *header[1:]], *rows[1:]]
    yield "a version that is no number", [[header[0], "1", *header[2:]], *rows[1:]]
    yield "no end", rows[:-1]
    yield "a row missing", [*rows[:-2], end]
    yield "something behind the end", [*rows, end]
    yield "an unknown tag", [*rows[:-1], [77], [6, end[1] + 1]]
    yield "not an array", [header, 5, *rows[1:]]
    yield "an empty row", [header, [], *rows[2:]]
    yield "an orphan", [*rows[:-1], [1, "/no/parent", *node[2:]], [6, end[1] + 1]]
    yield "a path that is bytes", [*rows[:-1], [1, b"/x", *node[2:]], [6, end[1] + 1]]
    yield "data that is text", [*rows[:-1], [1, "/x", "text", *node[3:]], [6, end[1] + 1]]
    yield "a stat of text", [*rows[:-1], [5, 1, "/a", 2, "stat", b""], [6, end[1] + 1]]
    yield "a number of text", [*rows[:-1], [1, "/x", b"", "1", *node[4:]], [6, end[1] + 1]]
    yield "the root missing", [header, [6, 0]]
    yield "an owner unknown", [r for r in rows[:-1] if r[0] != 2] + [[6, end[1] - 2]]


def test_a_damaged_image_is_refused_in_every_way(cell):
    furnish(cell)
    for name, rows in damaged(rows_of(cell.image())):
        chunks = [msgpack.packb(row) for row in rows]
        try:
            StateMachine.restore(chunks)
        except CorruptData:
            continue
        pytest.fail(name)
    with pytest.raises(CorruptData):
        StateMachine.restore([b"\xc1"])


def test_a_retry_after_a_restore_gets_the_first_answer(cell, make_cell):
    session = cell.open()
    first = cell.create(session, "/a")
    other = make_cell(StateMachine.restore(cell.image()))
    again = other.do(session, ops.CREATE, "/a", b"", 0, False, False, 0, [], serial=1)
    assert (again.code, again.revision) == (codes.OK, first.revision)
    assert msgpack.packb(again.value) == msgpack.packb(first.value)
