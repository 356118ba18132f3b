"""Restoring: the whole cluster begins again from a backup, in the middle of everything.

What was written after the backup is lost, and everybody must be able to tell: sessions have ended,
watches are told that the history is cut, and no revision or token that was ever shown comes again.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Final

from coordsvc.offline.restore import _fill
from coordsvc.replica.restoration import REVISION_BUMP, Restoration, restoration
from tests.sim.checkers.exactly_once import ExactlyOnceChecker
from tests.sim.checkers.raft import RaftChecker
from tests.sim.cluster import SimCluster
from tests.sim.run import Run
from tests.sim.world import SECOND, Micros

LEADER_WITHIN: Final[Micros] = 15 * SECOND
LATER_MAX: Final[Micros] = 3 * SECOND
"""How much later than the backup everything is lost."""
LEASES_END: Final = 20 * SECOND
"""Clients of what is lost believe in their locks so long at most; who restores waits for that."""


def restore_in_the_middle(run: Run) -> Restoration:
    """Take a backup, let some writes follow it, and start a new cluster from it."""
    cluster, world = run.cluster, run.world
    run.swarm.heal()
    world.run_until(lambda: cluster.leader() is not None, within=LEADER_WITHIN, what="leader")
    leader = cluster.leader()
    assert leader is not None
    store = cluster.servers[leader].vault
    before = cluster.servers[leader].replica.applied
    cluster.take_snapshot(leader)

    def is_taken() -> bool:
        latest = store.latest()
        return latest is not None and latest[0].index >= before

    world.run_until(is_taken, within=LEADER_WITHIN, what="backup")
    backups = [store.latest() for _ in cluster.nodes]
    world.run_for(run.world.stream("restoring").randint(0, LATER_MAX))
    for node in cluster.nodes:
        cluster.crash(node, machine=True)
    world.run_for(LEASES_END)
    begun: Restoration | None = None
    for node, backup in zip(cluster.nodes, backups, strict=True):
        assert backup is not None
        meta, machine = backup
        voters = cluster.settings.bootstrap.voters
        begun = restoration(machine, meta, voters, bump=REVISION_BUMP)
        place = cluster.machines[node]
        place.wipe()
        folder = SimpleNamespace(
            snapshots=place.snapshots, log=place.log, identity=SimpleNamespace(salt=place.salt)
        )
        _fill(folder, machine, begun.meta, ("",))
    assert begun is not None
    world.trace("operator", f"a new cluster begins at {begun.meta.index}")
    _begin_anew(cluster, begun)
    for node in cluster.nodes:
        cluster.restart(node)
    return begun


def _begin_anew(cluster: SimCluster, begun: Restoration) -> None:
    """Let the checkers know that there is a new log, and what may not come back from the old."""
    observer = cluster.observer
    observer.raft = RaftChecker()
    observer.raft.begins(begun.meta.index, begun.meta.term)
    observer.exactly_once = ExactlyOnceChecker()
    observer.sessions.all_ended(begun.meta.index, now=cluster.world.now)
    observer.locks.all_gone()
    observer.forget_claims()
    observer.views.forget()
