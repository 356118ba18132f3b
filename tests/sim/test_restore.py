"""A cluster that is restored from a backup never shows its clients the past as the present."""

from __future__ import annotations

import pytest

from tests.sim.restoring import restore_in_the_middle
from tests.sim.run import Run, Tuning
from tests.sim.world import SECOND

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("seed", range(1, 9))
def test_after_a_restore_nothing_that_was_shown_comes_again(seed: int) -> None:
    run = Run(seed, Tuning(nodes=3, learners=0, workloads=("watch", "lock", "claims")))
    with run.small_limits():
        run.begin()
        run.world.run_for(3 * SECOND)
        begun = restore_in_the_middle(run)
        run.world.run_for(3 * SECOND)
        run.end()
    assert run.cluster.observer.first_applied > begun.meta.index
    assert all(client.sessions_lost for client in run.cluster.talking)
