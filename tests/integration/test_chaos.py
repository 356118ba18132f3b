"""A short run of what `./dev chaos` does at length."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("nodes", [3, 5])
def test_every_promise_is_kept_under_random_faults(nodes):
    command = [sys.executable, "-m", "tests.chaos", "--seconds", "12", "--seed", "7"]
    command += ["--nodes", str(nodes)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
