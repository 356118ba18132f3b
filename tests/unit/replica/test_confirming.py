"""Rounds of reads: for us, for followers, with and without a leader lease."""

from coordsvc.replica.confirming import Confirmations
from coordsvc.replica.liveness import Liveness
from coordsvc.replica.messages import ReadIndexReply, ReadIndexRequest


class Raft:
    """As much of a leading RaftNode as confirmations need."""

    leader = "n1"
    commit = 9

    def __init__(self, lease_until=0):
        self.lease_until = lease_until
        self.asked = []
        self.hastened = []

    def read(self, token, now):
        self.asked.append(token)

    def hasten(self, peer, now):
        self.hastened.append(peer)

    def leader_lease_until(self):
        return self.lease_until


def watching(*sessions):
    liveness = Liveness()
    liveness.lead(dict.fromkeys(sessions, 1_000), 0)
    return liveness


def test_each_asker_gets_its_own_answer():
    raft = Raft()
    confirmations = Confirmations(raft, watching(5), lease_reads=False)
    assert confirmations.ask_for_us("n1", 1, 0) is None
    assert confirmations.ask_for("n2", ReadIndexRequest(1, [5]), 0) is None
    assert raft.hastened == ["n2"]
    first, second = raft.asked
    assert confirmations.confirmed(second, 8) == ("n2", ReadIndexReply(1, 8, []))
    assert confirmations.confirmed(first, 7) == ("n1", ReadIndexReply(1, 7, []))


def test_a_follower_s_session_that_is_asked_for_has_been_heard_from():
    liveness = watching(5)
    confirmations = Confirmations(Raft(), liveness, lease_reads=False)
    confirmations.ask_for("n2", ReadIndexRequest(1, [5]), 900)
    assert liveness.lapse(1_000) == []
    assert liveness.lapse(1_900) == [5]


def test_a_session_whose_expiry_is_proposed_is_named_to_whoever_asks():
    raft, liveness = Raft(), watching(5, 6)
    liveness.heard(6, 500)
    assert liveness.lapse(1_000) == [5]
    confirmations = Confirmations(raft, liveness, lease_reads=False)
    confirmations.ask_for("n2", ReadIndexRequest(1, [5, 6]), 1_000)
    confirmations.ask_for_us("n1", 2, 1_000)
    assert confirmations.confirmed(raft.asked[0], 8)[1].lapsed == [5]
    assert confirmations.confirmed(raft.asked[1], 8)[1].lapsed == [5]


def test_a_round_that_failed_is_forgotten():
    raft = Raft()
    confirmations = Confirmations(raft, watching(), lease_reads=False)
    confirmations.ask_for_us("n1", 1, 0)
    confirmations.failed(raft.asked[0])
    confirmations.failed(raft.asked[0])
    confirmations.ask_for_us("n1", 2, 0)
    assert confirmations.confirmed(raft.asked[1], 8)[1].token == 2


def test_under_a_lease_the_answer_is_at_hand():
    raft = Raft(lease_until=100)
    confirmations = Confirmations(raft, watching(), lease_reads=True)
    assert confirmations.ask_for_us("n1", 1, 99) == ("n1", ReadIndexReply(1, 9, []))
    assert confirmations.ask_for("n2", ReadIndexRequest(4, []), 99) == (
        "n2",
        ReadIndexReply(4, 9, []),
    )
    assert raft.asked == []
    assert confirmations.ask_for_us("n1", 2, 100) is None, "the lease is over"


def test_without_the_option_a_lease_counts_for_nothing():
    raft = Raft(lease_until=100)
    confirmations = Confirmations(raft, watching(), lease_reads=False)
    assert confirmations.ask_for_us("n1", 1, 0) is None
    assert raft.asked == [1]
