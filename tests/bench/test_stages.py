"""Each stage's time is counted once, and every stage is seen."""

from __future__ import annotations

import pytest

from tests.bench import lockstep, stages
from tests.bench.stages import Stopwatch, Watched


def test_what_runs_within_another_stage_is_not_counted_there(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(stages.time, "perf_counter", lambda: now[0])
    watch = Stopwatch()

    def inner():
        now[0] += 2.0

    timed_inner = watch.timed("inner", inner)

    def outer():
        now[0] += 1.0
        timed_inner()
        timed_inner()
        now[0] += 0.5

    watch.role = "leader"
    watch.timed("outer", outer, "client")()
    timed_inner()
    assert watch.spent == {("client", "outer"): 1.5, ("leader", "inner"): 6.0}


@pytest.mark.parametrize(("workload", "unseen"), [("write", set()), ("read", {stages.SYNCED})])
def test_each_stage_is_seen(monkeypatch, workload, unseen):
    monkeypatch.setattr(stages, "OPERATIONS", 200)
    codec = lockstep.codec
    spent = Watched().round(stages.ASKED[workload])
    assert {stage for _, stage in spent} == set(stages.STAGES) - unseen
    assert {role for role, _ in spent} == set(stages.ROLES)
    assert all(us >= 0 for us in spent.values())
    assert lockstep.codec is codec
