"""Versions of the state machine: raised by an entry, kept by images, never guessed."""

import msgpack
import pytest

from coordsvc.base import limits
from coordsvc.base.errors import VersionUnknown
from coordsvc.base.vocabulary import codes, ops
from coordsvc.replica.codec import internal_command
from coordsvc.state import versions
from coordsvc.state.commands import validate
from coordsvc.state.machine import StateMachine


@pytest.fixture
def cell(make_cell):
    """A state as it is before anything has raised its version."""
    return make_cell(StateMachine())


def header_of(image):
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(image[0])
    return next(unpacker)


def raise_to(cell, version):
    return cell.internal(ops.RAISE_VERSION, version)


def test_a_new_state_has_the_first_version_whatever_the_program_has():
    assert StateMachine().version == versions.OLDEST == 1 < versions.NEWEST


def test_every_version_says_what_it_brought():
    assert sorted(versions.HISTORY) == list(range(1, versions.NEWEST + 1))
    assert all(1 < since <= versions.NEWEST for since in versions.SINCE.values())


def test_an_entry_raises_the_version_and_never_lowers_it(cell):
    assert raise_to(cell, 2).value == cell.machine.version == 2
    assert raise_to(cell, 1).value == cell.machine.version == 2


def test_a_client_cannot_raise_it(cell):
    session = cell.open()
    assert raise_to(cell, "2").code == codes.MALFORMED
    assert validate([ops.RAISE_VERSION, 1, 1, 2])[0] == codes.MALFORMED
    assert cell.do(session, ops.RAISE_VERSION, 2).code == codes.MALFORMED
    assert cell.machine.version == 1


def test_a_version_that_this_program_has_not_stops_it(cell):
    with pytest.raises(VersionUnknown, match=r"version 99 .* start a newer program"):
        raise_to(cell, 99)
    with pytest.raises(VersionUnknown, match="start an older program"):
        versions.check(0)


@pytest.mark.parametrize("version", [1, 2])
def test_an_image_has_the_version_of_its_state_and_gives_it_back(cell, version):
    raise_to(cell, version)
    image = cell.image()
    assert header_of(image)[1] == version, "an older program can load it as long as possible"
    assert StateMachine.restore(image).version == version


def test_rows_of_version_1_have_no_more_fields_than_its_programs_take(cell):
    cell.create(cell.open(), "/a")
    unpacker = msgpack.Unpacker(raw=False)
    unpacker.feed(b"".join(cell.image()))
    next(unpacker)
    sizes = {row[0]: len(row) - 1 for row in unpacker}
    assert (sizes[1], sizes[5]) == (13, 5)


def test_version_1_lets_go_of_nodes_that_came_to_mean_something(cell):
    session = cell.open()
    cell.create(session, "/zookeeper")
    assert cell.delete(session, "/zookeeper").code == codes.OK
    assert cell.delete(session, "/").value == "the root stays"
    raise_to(cell, 2)
    cell.create(session, "/zookeeper")
    assert cell.delete(session, "/zookeeper").code == codes.BAD_PATH


def test_operations_of_other_doors_are_unknown_to_version_1(cell):
    def open_zookeeper():
        return cell.internal(ops.OPEN_ZOOKEEPER, b"0123456789abcdef", 10_000, "zk", "10.0.0.1:7")

    assert (open_zookeeper().code, len(cell.machine.tree)) == (codes.MALFORMED, 1)
    raise_to(cell, 2)
    assert (open_zookeeper().code, len(cell.machine.tree)) == (codes.OK, 4)


def test_a_state_is_untouched_until_something_is_written(cell):
    session = cell.open()
    raise_to(cell, 2)
    assert cell.machine.is_untouched
    cell.create(session, "/a")
    assert not cell.machine.is_untouched
    cell.delete(session, "/a")
    assert not cell.machine.is_untouched
    assert not StateMachine.restore(cell.image()).is_untouched


def test_an_image_of_an_unknown_version_is_not_called_damaged(cell):
    rows = b"".join(cell.image())
    header = header_of([rows])
    newer = msgpack.packb([header[0], versions.NEWEST + 1, *header[2:]])
    with pytest.raises(VersionUnknown):
        StateMachine.restore([newer + rows[len(msgpack.packb(header)) :]])


def test_the_entry_that_raises_is_known_without_decoding_others():
    assert versions.raised_to(internal_command(ops.RAISE_VERSION, 0, 7)) == 7
    assert versions.raised_to(internal_command(ops.TICK, 12)) == 0
    assert versions.raised_to(msgpack.packb([5, [ops.RAISE_VERSION, 1, 1, 7]])) == 0
    assert versions.raised_to(b"") == 0


def test_an_operation_is_unknown_before_its_version(cell, monkeypatch):
    """Also to a program that has it: all members must give the same result."""
    old, new = cell.open(), cell.open()
    request = [ops.BREAK, 1, 1, "/", ""]
    monkeypatch.setitem(versions.SINCE, ops.BREAK, 2)
    assert validate(request, version=1) == (codes.MALFORMED, "unknown operation")
    assert validate(request, version=2) == (codes.OK, "")
    before = cell.do(old, ops.BREAK, "/", "")
    assert (before.code, before.value) == (codes.MALFORMED, "unknown operation")
    raise_to(cell, 2)
    assert cell.do(new, ops.BREAK, "/", "").code == codes.OK


def test_from_version_2_on_the_number_of_nodes_is_bounded(cell, make_cell, monkeypatch):
    monkeypatch.setattr(limits, "NODES_MAX", 4)
    session = cell.open()
    for name in "abc":
        assert cell.create(session, f"/{name}").code == codes.OK, "version 1 has no bound"
    raise_to(cell, 2)
    assert len(cell.machine.tree) == 4
    assert cell.create(session, "/d").code == codes.TOO_MANY
    cell.delete(session, "/a")
    assert cell.create(session, "/x/y", parents=True).code == codes.TOO_MANY
    assert cell.create(session, "/d").code == codes.OK
    twin = make_cell(StateMachine.restore(cell.image()))
    twin.serials = cell.serials
    assert twin.create(session, "/e").code == codes.TOO_MANY, "also after a restart"
