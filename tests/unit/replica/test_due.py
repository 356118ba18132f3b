"""What the leader proposes when its time has come."""

import random

from coordsvc.base.ports import SilentLogger
from coordsvc.replica.due import DueWork
from coordsvc.replica.liveness import Liveness
from coordsvc.state.machine import StateMachine


class Proposals:
    def __init__(self):
        self.queued = []

    def queue(self, commands):
        self.queued += commands


class Raft:
    last_index = 50


class Machine(StateMachine):
    due = None

    def next_due_ms(self):
        return self.due


def test_a_session_that_lapses_is_expired_once():
    liveness, proposals = Liveness(), Proposals()
    due = DueWork(Raft(), liveness, proposals, chance=random.Random(1), log=SilentLogger())
    liveness.opened(7, 1_000, 0)
    due.propose(StateMachine(), 999, 0)
    assert proposals.queued == []
    due.propose(StateMachine(), 1_000, 0)
    due.propose(StateMachine(), 2_000, 0)
    assert len(proposals.queued) == 1


def test_a_tick_is_asked_for_when_something_is_due_and_not_again_before_it_is_applied():
    proposals, machine = Proposals(), Machine()
    due = DueWork(Raft(), Liveness(), proposals, chance=random.Random(1), log=SilentLogger())
    machine.due = 500
    due.propose(machine, 0, 499)
    assert proposals.queued == []
    due.propose(machine, 0, 500)
    due.propose(machine, 0, 501)
    assert len(proposals.queued) == 1
    due.lead(machine, 0)
    due.propose(machine, 0, 501)
    assert len(proposals.queued) == 2
