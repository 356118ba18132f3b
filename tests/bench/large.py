"""One state machine with a large tree, in this process: bytes, pauses, and a snapshot of it.

What is counted here does not depend on what else the machine does; times are those of this
process on a processor.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from statistics import median

from coordsvc.base.vocabulary import ops
from coordsvc.replica.codec import command_prefix, internal_command
from coordsvc.server.server import GC_THRESHOLDS
from coordsvc.state.machine import StateMachine
from coordsvc_client.wire.framing import pack
from tests.bench import proc
from tests.bench.figures import print_table
from tests.bench.generator import ROOT
from tests.bench.memory import TREE

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
VALUE = b"v" * 100
WRITES_PER_CHUNK = 50
"""While a snapshot is read out, so many writes fall between two of its chunks."""
BURSTS, BURST = 101, 200
PAUSE_MS_MAX = 20.0
SNAPSHOT_SHARE_MAX = 0.25


@dataclass(slots=True)
class Pauses:
    """How long the garbage collector stopped everything, in ms, by generation."""

    longest_ms: list[float] = field(default_factory=lambda: [0.0] * 3)
    _began: float = 0.0

    def __call__(self, phase: str, told: dict[str, int]) -> None:
        """Be called by the collector."""
        now = time.thread_time()
        if phase == "start":
            self._began = now
        else:
            generation = told["generation"]
            took = (now - self._began) * 1000
            self.longest_ms[generation] = max(self.longest_ms[generation], took)


class Filled:
    """A state machine and what was logged to fill it."""

    def __init__(self) -> None:
        self.machine = StateMachine()
        self.log_bytes = 0
        self.index = 1
        opening = internal_command(ops.OPEN_SESSION, 1, b"p" * 16, 30_000, "bench", "127.0.0.1:1")
        opened = self.machine.apply(1, 1_000, opening).opened
        assert opened is not None
        self._prefix = command_prefix(opened[0])

    def put(self, number: int) -> None:
        """Create or write one node, as a command from the log does."""
        self.index += 1
        path = TREE.format(number=number, branch=number // 1000)
        serial = self.index
        body = pack((ops.PUT, serial, serial - 1, path, VALUE, True, ()))
        applied = self.machine.apply(self.index, 1_000 + serial // 100, self._prefix + body)
        assert applied.code == 0, applied
        self.log_bytes += len(self._prefix) + len(body)


def apply_ratio(large: Filled, count: int) -> float:
    """Return how many times longer writes of existing nodes take than in a small tree.

    The two take turns every few milliseconds, so that whatever else the machine does falls on
    both alike. What is more than 1 is memory that no cache holds: it has no verdict, as applying is
    a part of a write's cost only (`growth` measures the whole).
    """
    small = Filled()
    for number in range(COUNTS[0]):
        small.put(number)
    ratios = []
    for turn in range(BURSTS):
        took = []
        for filled, nodes in ((small, COUNTS[0]), (large, count)):
            began = time.thread_time()
            for step in range(BURST):
                filled.put((turn * BURST + step) * 7919 % nodes)
            took.append(time.thread_time() - began)
        ratios.append(took[1] / took[0])
    return median(ratios)


def weigh(count: int) -> list[str]:
    """Return a row about a tree of `count` nodes."""
    pauses = Pauses()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.callbacks.append(pauses)
    filled = Filled()
    before = proc.rss_bytes(os.getpid())
    for number in range(count):
        filled.put(number)
    grown = proc.rss_bytes(os.getpid()) - before
    image_bytes, longest_ms, peak = snapshot(filled, count)
    share = max(0, peak - before - grown) / grown
    worst = max(pauses.longest_ms)
    ratio = apply_ratio(filled, count)
    is_fine = max(worst, longest_ms) <= PAUSE_MS_MAX and share <= SNAPSHOT_SHARE_MAX
    return [
        f"{count:,}",
        f"{filled.log_bytes / filled.index:.0f}",
        f"{image_bytes / count:.0f}",
        f"{grown / count:.0f}",
        f"{worst:.1f}",
        f"{longest_ms:.1f}",
        f"{share:.0%}",
        f"{ratio:.2f}",
        "ok" if is_fine or count < COUNTS[-2] else "MISSED",
    ]


def snapshot(filled: Filled, count: int) -> tuple[int, float, int]:
    """Read a snapshot out while writes go on.

    Returns (its bytes, the longest step in ms, the most memory that was resident meanwhile).
    """
    longest = 0.0
    size = peak = number = 0
    began = time.thread_time()
    capture = filled.machine.capture()
    while True:
        chunk = capture.next_chunk()
        longest = max(longest, time.thread_time() - began)
        if chunk is None:
            return size, longest * 1000, max(peak, proc.rss_bytes(os.getpid()))
        size += len(chunk)
        peak = max(peak, proc.rss_bytes(os.getpid()))
        for _ in range(WRITES_PER_CHUNK):
            number = (number + 7919) % count
            filled.put(number)
        began = time.thread_time()


def main(options: argparse.Namespace) -> None:
    """Print bytes and pauses at every size, each in a process of its own."""
    counts = COUNTS if options.large else COUNTS[:-1]
    rows = []
    for count in counts:
        command = [sys.executable, "-m", "tests.bench.large", str(count)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        rows.append(done.stdout.split())
    print("one state machine; a snapshot is read out while writes go on")
    print_table(
        (
            "nodes", "log B each", "image B each", "memory B each", "longest GC ms",
            "longest step ms", "snapshot adds", "apply x", "",
        ),
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    print(" ".join(weigh(int(sys.argv[1]))))
