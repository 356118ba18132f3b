"""What is decided is applied in its order, a bounded number in a turn."""

import pytest

from coordsvc.base.errors import VersionUnknown
from coordsvc.base.vocabulary import ops
from coordsvc.raft.messages import COMMAND, NOOP, Entry
from coordsvc.replica import applying as module
from coordsvc.replica.applying import Applying
from coordsvc.replica.checkpoints import Checkpoints
from coordsvc.replica.codec import internal_command
from coordsvc.state.machine import StateMachine


class Log:
    """Entries 1 .. count; every third holds no command."""

    def __init__(self, count):
        command = internal_command(ops.TICK, 7)
        self.all = [
            Entry(1, NOOP if index % 3 == 0 else COMMAND, index, command)
            for index in range(1, count + 1)
        ]

    def entries(self, first, last):
        return self.all[first - 1 : last]


class Told:
    def __init__(self):
        self.revisions = []

    def tell(self, applied, now):
        assert now == 5
        self.revisions.append(applied.revision)


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def checkpoints():
    return Checkpoints()


def test_entries_are_applied_in_order_and_commands_are_told(told, checkpoints):
    machine = StateMachine()
    Applying(Log(8), told, checkpoints).apply(machine, 7, 5)
    assert machine.revision == 7, "no further than decided"
    assert machine.time_ms == 7
    assert told.revisions == [1, 2, 4, 5, 7]


def test_a_turn_takes_no_more_than_its_share(told, checkpoints):
    machine = StateMachine()
    applying = Applying(Log(300), told, checkpoints)
    applying.apply(machine, 300, 5)
    assert machine.revision == module.APPLIED_PER_TURN_MAX
    applying.apply(machine, 300, 5)
    applying.apply(machine, 300, 5)
    assert machine.revision == 300


def test_the_digest_is_noted_at_each_checkpoint(told, checkpoints, monkeypatch):
    monkeypatch.setattr(module, "CHECKPOINT_EVERY", 4)
    machine, other = StateMachine(), StateMachine()
    Applying(Log(10), told, checkpoints).apply(machine, 10, 5)
    Applying(Log(10), told, Checkpoints()).apply(other, 8, 5)
    assert checkpoints.latest == 8
    assert checkpoints.digest_at(8) == other.digest
    assert checkpoints.digest_at(4) not in {0, other.digest}


def test_an_entry_of_an_unknown_kind_is_not_passed_over(told, checkpoints):
    log, machine = Log(4), StateMachine()
    log.all[1] = log.all[1]._replace(kind=99)
    with pytest.raises(VersionUnknown, match="entry 2 is of kind 99"):
        Applying(log, told, checkpoints).apply(machine, 4, 5)
    assert machine.revision == 1
