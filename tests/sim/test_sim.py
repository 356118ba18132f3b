"""The simulator as a test: the seeds that once found something, and some fresh ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sim.__main__ import known_seeds, run_seed
from tests.sim.run import Tuning

FRESH = range(1, 71)
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("seed", known_seeds())
def test_a_seed_that_found_a_bug_finds_it_no_more(seed: int) -> None:
    result = run_seed(seed)
    assert not result.exit_code, f"{result.trace[-4000:]}\n{result.why}"


@pytest.mark.parametrize("seed", FRESH)
def test_a_seed_finds_nothing(seed: int) -> None:
    result = run_seed(seed)
    assert not result.exit_code, f"{result.trace[-4000:]}\n{result.why}"


def test_a_snapshot_installed_while_another_is_written_ends_neither() -> None:
    kinds = ("stop", "crash machine", "flap", "crash machine")
    result = run_seed(50156, Tuning(nodes=5, kinds=kinds, snapshot_every=3))
    assert not result.exit_code, f"{result.trace[-4000:]}\n{result.why}"


def test_one_seed_gives_one_run_whatever_the_hash_seed() -> None:
    command = [sys.executable, "-m", "tests.sim", "--seeds", "4", "--seed", "2", "-v"]
    lines = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        traces = [line.rpartition(" ")[2] for line in done.stdout.splitlines() if "trace" in line]
        lines.append(traces)
    assert len(lines[0]) == 4
    assert lines[0] == lines[1]
