"""Each workload accepts the reference service, and finds a mistake planted in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes, ops
from tests.sim.history import History
from tests.sim.reference import Node, Reference, ReferenceClient, Result, stat_of
from tests.sim.verdicts import WrongResult
from tests.sim.workloads.client import Answer, Workload
from tests.sim.workloads.counter import CounterWorkload
from tests.sim.workloads.lock import LockWorkload
from tests.sim.workloads.register import RegisterWorkload
from tests.sim.workloads.sequence import SequenceWorkload
from tests.sim.workloads.transfer import TransferWorkload
from tests.sim.workloads.watch import WatchWorkload
from tests.sim.world import SECOND, World

MakeWorkload = Callable[[History], Workload]
MakeService = Callable[[World], Reference]

WORKLOADS: tuple[MakeWorkload, ...] = (
    RegisterWorkload,
    CounterWorkload,
    TransferWorkload,
    SequenceWorkload,
    LockWorkload,
    WatchWorkload,
)


def run(make: MakeWorkload, service_of: MakeService, seed: int = 1) -> History:
    """Run one workload of four clients for some seconds, and judge it."""
    world = World(seed)
    service, history = service_of(world), History(world)
    workload = make(history)
    workload.start([service.connect(f"c{number}") for number in range(4)])
    world.run_for(5 * SECOND)
    workload.stop()
    world.run_until(workload.is_quiet, within=20 * SECOND, what="quiet")
    workload.conclude(service.connect("reader"))
    world.run_until(workload.is_quiet, within=20 * SECOND, what="final reads")
    world.run_for(SECOND)
    workload.check()
    return history


@pytest.mark.parametrize("lost_percent", [0, 5])
@pytest.mark.parametrize("make", WORKLOADS)
def test_the_reference_passes(make: MakeWorkload, lost_percent: int) -> None:
    history = run(make, lambda world: Reference(world, lost_percent=lost_percent))
    assert sum(operation.is_ok for operation in history.operations) > 20


def test_a_run_repeats_itself() -> None:
    runs = [run(RegisterWorkload, Reference, seed=4) for _ in range(2)]
    texts = [[str(operation) for operation in history.operations] for history in runs]
    assert texts[0] == texts[1]


class LosesWrites(Reference):
    """Acknowledges some writes without making them."""

    def set(self, args: Sequence[Value]) -> Result:
        before = dict(self.nodes)
        result = super().set(args)
        if result[0] == codes.OK and self.chance.randrange(20) == 0:
            self.nodes = before
        return result


class ReadsThePast(Reference):
    """Sometimes answers a read with what was there before."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._past: dict[str, Node] = {}

    def get(self, args: Sequence[Value]) -> Result:
        path = str(args[0])
        past = self._past.get(path)
        code, value = super().get(args)
        if code == codes.OK:
            self._past[path] = self.nodes[path]
            if past is not None and self.chance.randrange(10) == 0:
                return codes.OK, [past.data, stat_of(past)]
        return code, value


class ForgetsConditions(Reference):
    """Sometimes writes whatever the version is."""

    def check_version(self, args: Sequence[Value]) -> Result:
        code, value = super().check_version(args)
        ignored = code == codes.BAD_VERSION and self.chance.randrange(4) == 0
        return (codes.OK, None) if ignored else (code, value)


class AppliesTwice(Reference):
    """Sometimes carries out one create as if it had come twice."""

    def create(self, args: Sequence[Value]) -> Result:
        if args[3] and self.chance.randrange(20) == 0:
            super().create(args)
        return super().create(args)


class ReusesNames(Reference):
    """Sometimes forgets that it gave a number away, and the node with it."""

    def create(self, args: Sequence[Value]) -> Result:
        result = super().create(args)
        if args[3] and result[0] == codes.OK and self.chance.randrange(20) == 0:
            parent = self.nodes["/sequence"]
            parent.sequence -= 1
            del self.nodes[f"/sequence/item-{parent.sequence:010d}"]
        return result


class HalfTransactions(Reference):
    """Sometimes leaves out the last operation of a transaction."""

    def transaction(self, args: Sequence[Value], client: ReferenceClient) -> Result:
        conditions, then, otherwise = args
        assert isinstance(then, list)
        if len(then) == 2 and self.chance.randrange(10) == 0:
            then = then[:1]
        return super().transaction((conditions, then, otherwise), client)


class GrantsToAll(Reference):
    """Sometimes grants a lock that is held."""

    def may_hold(self, queue: Sequence[object], claim: object) -> bool:
        return self.chance.randrange(4) == 0 or queue[0] is claim


class ReusesTokens(Reference):
    """Gives every holder the same token."""

    def new_token(self) -> int:
        return 7


class TokensFall(Reference):
    """Gives each holder a smaller token than the one before."""

    def new_token(self) -> int:
        return 1_000_000 - self.revision


class GuardsNothing(Reference):
    """Takes guarded writes whatever their token is."""

    def guards_hold(self, guards: Sequence[Sequence[Value]]) -> bool:
        return True


class DropsEvents(Reference):
    """Sometimes does not tell of a change."""

    def tell(self, kind: int, path: str, data: bytes | None) -> None:
        if self.chance.randrange(4):
            super().tell(kind, path, data)


class TellsLate(Reference):
    """Sometimes tells of a change after those that followed it."""

    def tell(self, kind: int, path: str, data: bytes | None) -> None:
        if self.chance.randrange(10):
            super().tell(kind, path, data)
            return
        revision, listeners = self.revision, [listener for _, _, listener in self.watches]

        def late() -> None:
            for listener in listeners:
                listener.changed(kind, path, revision, data)

        self.world.after(SECOND, late)


class RepeatsRevisions(Reference):
    """Sometimes answers with the revision of an earlier write."""

    def handle(self, op: int, args: Sequence[Value], client: ReferenceClient) -> Answer:
        answer = super().handle(op, args, client)
        if op in ops.MUTATIONS and self.chance.randrange(20) == 0:
            return Answer(answer.code, answer.revision - 1, answer.value)
        return answer


@pytest.mark.parametrize(
    ("make", "service_of"),
    [
        (RegisterWorkload, LosesWrites),
        (RegisterWorkload, ReadsThePast),
        (RegisterWorkload, ForgetsConditions),
        (RegisterWorkload, RepeatsRevisions),
        (CounterWorkload, LosesWrites),
        (CounterWorkload, ForgetsConditions),
        (TransferWorkload, LosesWrites),
        (TransferWorkload, HalfTransactions),
        (SequenceWorkload, AppliesTwice),
        (SequenceWorkload, ReusesNames),
        (LockWorkload, GrantsToAll),
        (LockWorkload, ReusesTokens),
        (LockWorkload, TokensFall),
        (LockWorkload, GuardsNothing),
        (WatchWorkload, DropsEvents),
        (WatchWorkload, TellsLate),
    ],
)
def test_a_planted_mistake_is_found(make: MakeWorkload, service_of: MakeService) -> None:
    with pytest.raises(WrongResult):
        for seed in range(1, 6):
            run(make, service_of, seed)


def test_a_lost_session_ends_a_holding_before_the_next_one() -> None:
    world = World(1)
    service, history = Reference(world), History(world)
    workload = LockWorkload(history)
    clients = [service.connect(f"c{number}") for number in range(3)]
    workload.start(clients)

    def expire() -> None:
        holders = [claim for claim in service.claims.get("/lock", ()) if claim.token]
        for claim in holders:
            claim.client.tell_session_lost()
            service.revision += 1
            service.release(("/lock", claim.request), claim.client)
        world.after(SECOND // 3, expire)

    expire()
    world.run_for(10 * SECOND)
    workload.stop()
    world.run_until(workload.is_quiet, within=20 * SECOND, what="quiet")
    workload.check()
    assert workload.storage.refused > 0


def test_a_broken_lock_and_a_lost_watch_are_taken_up_again() -> None:
    world = World(1)
    service, history = Reference(world), History(world)
    locks, watches = LockWorkload(history), WatchWorkload(history)
    client = service.connect("c0")
    locks.start([client])
    watches.start([service.connect("c1")])
    world.run_for(2 * SECOND)
    world.run_until(lambda: bool(service.claims.get("/lock")), within=9 * SECOND, what="claim")
    claim = service.claims["/lock"][0]
    service.revision += 1
    service.release(("/lock", claim.request), client)
    client.tell_lock("/lock", claim.request, 0, state=ops.GONE)
    client.tell_lock("/another", claim.request, 0, state=ops.GONE)
    watched = len(service.watches)
    _, _, listener = service.watches.pop()
    listener.lost()
    world.run_for(2 * SECOND)
    world.run_until(lambda: bool(service.claims.get("/lock")), within=9 * SECOND, what="claim")
    assert service.claims["/lock"][0].request > claim.request
    assert len(service.watches) == watched
    watches.stop()
    locks.stop()
    world.run_until(lambda: watches.is_quiet() and locks.is_quiet(), within=SECOND * 9, what="end")
    watches.conclude(client)
    world.run_until(watches.is_quiet, within=SECOND, what="final reads")
    assert watches.is_caught_up()
