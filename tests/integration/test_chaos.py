"""Short runs of what `./dev chaos` does at length."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.integration]


def chaos(*options: str) -> str:
    """Run it; return what it says when every promise was kept."""
    command = [sys.executable, "-m", "tests.chaos", "--seed", "7", *options]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    return done.stdout


@pytest.mark.parametrize("nodes", ["3", "5"])
def test_every_promise_is_kept_under_random_faults(nodes):
    chaos("--seconds", "12", "--nodes", nodes)


@pytest.mark.skipif(shutil.which("cc") is None, reason="slow disks need a C compiler")
def test_a_leader_whose_disk_becomes_slow_hands_leadership_over():
    assert "1 slow_leader" in chaos("--seconds", "0.1", "--only", "slow_leader")
