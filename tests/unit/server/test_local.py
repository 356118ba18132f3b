"""The replica asked from within its own process."""

from __future__ import annotations

import pytest

from coordsvc.base.errors import Refused
from coordsvc.base.vocabulary import codes, ops
from coordsvc.server.local import Asker, Local
from coordsvc.state.results import Applied


class Raft:
    leader = "n1"


class Replica:
    """Takes notes; answers as the test says."""

    def __init__(self):
        self.raft = Raft()
        self.reads = []
        self.orders = []
        self.gone = []

    def read(self, client, serial, read, *, consistency, min_revision, now):
        self.reads.append((client, serial, read, consistency, min_revision))

    def administer(self, op, arguments, answer):
        self.orders.append((op, arguments, answer))

    def disconnect(self, client):
        self.gone.append(client)


class Driver:
    """Lets the replica answer when a turn is asked for."""

    def __init__(self):
        self.replica = Replica()
        self.turn = lambda: None

    def schedule(self):
        self.turn()


@pytest.fixture
def driver():
    return Driver()


def serve(driver):
    client, _, read, *_ = driver.replica.reads[-1]
    client.serve(read)
    client.serve(read)  # a second answer changes nothing


async def test_it_returns_when_the_state_may_be_read(driver):
    driver.turn = lambda: serve(driver)
    assert await Local(driver).caught_up(ops.SEQUENTIAL, 7) is driver.replica
    [(client, _, _, consistency, revision)] = driver.replica.reads
    assert (consistency, revision) == (ops.SEQUENTIAL, 7)
    assert driver.replica.gone == [client]


async def test_a_refused_read_is_told(driver):
    driver.turn = lambda: driver.replica.reads[-1][0].read_refused(1, codes.BEHIND, "behind")
    with pytest.raises(Refused) as refusal:
        await Local(driver).caught_up()
    assert refusal.value.code == codes.BEHIND


@pytest.mark.parametrize(("leader", "code"), [("n1", codes.TIMED_OUT), (None, codes.NO_QUORUM)])
async def test_a_read_without_an_answer_is_given_up_and_forgotten(driver, leader, code):
    driver.replica.raft.leader = leader
    with pytest.raises(Refused) as refusal:
        await Local(driver, patience_s=0.01).caught_up()
    assert refusal.value.code == code
    assert len(driver.replica.gone) == 1
    driver.replica.gone[0].serve(None)  # a late answer harms nothing
    driver.replica.gone[0].read_refused(1, codes.BEHIND, "")


async def test_an_order_returns_what_became_of_it(driver):
    applied = Applied(0, 5, codes.OK, 9, 1)
    driver.turn = lambda: driver.replica.orders[-1][2](applied)
    assert await Local(driver).order(ops.BREAK, "/l", "note") is applied
    assert driver.replica.orders[0][:2] == (ops.BREAK, ["/l", "note"])


async def test_an_order_without_a_leader_is_not_given(driver):
    driver.replica.raft.leader = None
    with pytest.raises(Refused) as refusal:
        await Local(driver).order(ops.BREAK, "/l", "")
    assert refusal.value.code == codes.NO_QUORUM
    assert driver.replica.orders == []


async def test_an_order_without_an_answer_may_still_be_carried_out(driver):
    with pytest.raises(Refused) as refusal:
        await Local(driver, patience_s=0.01).order(ops.BREAK, "/l", "")
    assert refusal.value.code == codes.OUTCOME_UNKNOWN
    driver.replica.orders[0][2](Applied(0, 5, codes.OK, 9, 1))  # too late, and harmless


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("welcomed", 3), ("rejected", 2), ("decided", 1), ("refused", 3), ("notify", 2),
     ("watch_lost", 3), ("lock_changed", 2), ("leader_changed", 2)],
)  # fmt: skip
async def test_an_asker_is_told_nothing_else(name, arguments):
    with pytest.raises(AssertionError):
        getattr(Asker(None), name)(*[None] * arguments)


async def test_an_order_whose_outcome_is_not_known_is_told_so(driver):
    outcome = Applied(0, 1, codes.OUTCOME_UNKNOWN, 0, None)
    driver.turn = lambda: driver.replica.orders[-1][2](outcome)
    with pytest.raises(Refused) as refused:
        await Local(driver).order(ops.BREAK, "/l", "")
    assert refused.value.code == codes.OUTCOME_UNKNOWN
