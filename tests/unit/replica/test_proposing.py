"""Commands on their way into the log."""

import pytest

from coordsvc.base import limits
from coordsvc.replica.desk import Desk
from coordsvc.replica.effects import Effects
from coordsvc.replica.messages import Forward
from coordsvc.replica.proposing import Proposals


class Raft:
    """Writes down what is proposed, and takes it or not."""

    term = 3

    def __init__(self):
        self.proposed = []
        self.takes = True

    def propose(self, commands, wall_ms, now):
        self.proposed.append(list(commands))
        return self.takes


class Stand:
    def __init__(self):
        self.raft = Raft()
        self.desk = Desk()
        self.writes = []  # only how many there are matters
        self.proposals = Proposals(self.raft, self.desk, self.writes)

    def propose(self):
        if self.proposals.are_ripe():
            self.proposals.propose(0, 0)


@pytest.fixture
def stand():
    return Stand()


def test_what_the_desk_has_is_proposed_behind_what_was_queued(stand):
    stand.proposals.queue([b"theirs"])
    stand.desk.administer(1, b"ours", lambda _applied: None)
    stand.propose()
    stand.propose()
    assert stand.raft.proposed == [[b"theirs", b"ours"]]


def test_while_the_log_is_written_proposals_gather(stand):
    stand.writes.append("one")
    stand.proposals.queue([b"1"])
    stand.propose()
    stand.proposals.queue([b"2"])
    assert stand.raft.proposed == []
    stand.writes.clear()
    stand.propose()
    assert stand.raft.proposed == [[b"1", b"2"]]


def test_the_commands_of_many_gather_and_then_go_together(stand):
    stand.proposals.gathering = True
    stand.proposals.queue([b"1", b"2", b"3"])
    stand.propose()
    assert (stand.raft.proposed, stand.proposals.held) == ([], True)
    stand.proposals.queue([b"4"])
    stand.proposals.gathering = stand.proposals.held = False
    stand.propose()
    assert (stand.raft.proposed, stand.proposals.held) == ([[b"1", b"2", b"3", b"4"]], False)
    stand.proposals.gathering = True
    stand.proposals.queue([b"5"])
    stand.propose()
    assert stand.proposals.held, "a batch of many came before it"


def test_a_lone_command_waits_for_nobody(stand):
    stand.proposals.gathering = True
    for number in range(3):
        stand.proposals.queue([b"%d" % number])
        stand.propose()
    assert (len(stand.raft.proposed), stand.proposals.held) == (3, False)


def test_very_much_does_not_wait(stand):
    stand.proposals.gathering = True
    stand.writes.append("one")
    stand.proposals.queue([bytes(limits.BATCH_BYTES_MAX)])
    stand.propose()
    assert len(stand.raft.proposed) == 1
    stand.proposals.queue([b"little"])
    stand.propose()
    assert len(stand.raft.proposed) == 1, "what was proposed counts no more"


def test_what_raft_does_not_take_now_is_proposed_again(stand):
    stand.raft.takes = False
    stand.proposals.queue([b"1"])
    stand.propose()
    stand.raft.takes = True
    stand.propose()
    assert stand.raft.proposed == [[b"1"], [b"1"]]


def test_under_a_new_leader_the_queue_is_empty(stand):
    stand.proposals.queue([b"1"])
    stand.proposals.clear()
    stand.propose()
    assert stand.raft.proposed == []


def test_signs_of_life_are_forwarded_without_commands_and_once_with_many(stand):
    effects = Effects()
    stand.desk.touched = {7: None}
    stand.proposals.forward("b", effects)
    stand.desk.touched = {8: None}
    large = bytes(limits.BATCH_BYTES_MAX)
    for tag in (1, 2):
        stand.desk.administer(tag, large, lambda _applied: None)
    stand.proposals.forward("b", effects)
    assert effects.send == [
        ("b", Forward(3, [7], [])),
        ("b", Forward(3, [8], [large])),
        ("b", Forward(3, [], [large])),
    ]
