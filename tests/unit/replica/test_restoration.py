"""A new cluster from the state of an old one."""

from __future__ import annotations

import msgpack
import pytest

from coordsvc.base.vocabulary import ops
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import command_prefix, internal_command
from coordsvc.replica.restoration import TERM_BUMP, restoration
from coordsvc.state.machine import StateMachine

OLD = Membership(("x", "y"), (), ("z",))


def machine_with_sessions():
    machine = StateMachine()
    for index in (1, 2):
        command = internal_command(ops.OPEN_SESSION, index, b"pw", 10_000, "c", "a")
        machine.apply(index, 5_000, command)
    for index, request in (
        (3, [ops.CREATE, 1, 1, "/keep", b"x", 0, False, False, 0, []]),
        (4, [ops.CREATE, 2, 1, "/gone", b"x", ops.EPHEMERAL, False, False, 0, []]),
        (5, [ops.ACQUIRE, 3, 1, "/keep", False, True, 0, ""]),
    ):
        applied = machine.apply(index, 5_000 + index, command_prefix(1) + msgpack.packb(request))
        assert applied.code == 0
    return machine


@pytest.fixture
def machine():
    return machine_with_sessions()


def restored(machine, bump=1_000):
    return restoration(machine, SnapshotMeta(5, 3, OLD, 5_005), ["n2", "n1"], bump=bump)


def test_it_goes_on_above_everything_the_old_cluster_can_have_shown(machine):
    result = restored(machine)
    assert result.meta.index == machine.revision == 1_005
    assert result.meta.term == 3 + TERM_BUMP
    assert result.meta.membership == Membership(("n1", "n2"))


def test_the_sessions_end_with_what_they_own(machine):
    assert restored(machine).sessions_ended == 2
    assert machine.sessions.by_id == {}
    assert machine.locks.by_path == {}
    assert set(machine.tree.nodes) == {"/", "/keep"}


def test_no_watch_resumes_across_it_as_if_nothing_had_been_lost(machine):
    restored(machine)
    assert machine.history.since(5) is None
    assert machine.history.since(900) is None
    assert machine.history.since(1_005) == []


def test_everybody_who_restores_the_same_gets_the_same(machine):
    other = machine_with_sessions()
    assert restored(machine) == restored(other)
    assert machine.digest == other.digest


def test_a_bump_that_leaves_no_room_is_refused(machine):
    with pytest.raises(AssertionError):
        restored(machine, bump=2)
