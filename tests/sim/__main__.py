"""`python -m tests.sim --seeds N --seed FIRST`: run seeds, report, and tell how to replay."""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.sim.day import Day
from tests.sim.run import Report, Run, Tuning
from tests.sim.verdicts import RunFailed
from tests.sim.world import SECOND

SEEDS_FILE: Final = Path(__file__).with_name("seeds.txt")
TRACE_LINES: Final = 60
CRASHED: Final = 1


@dataclass(slots=True)
class Result:
    """What became of one seed."""

    report: Report
    exit_code: int = 0
    why: str = ""
    trace: str = ""
    wall_s: float = 0.0


def run_seed(seed: int, tuning: Tuning | None = None) -> Result:
    """Run one seed and catch whatever is wrong."""
    began = time.perf_counter()
    run: Run | None = None
    code, why = 0, ""
    try:
        run = Run(seed, tuning)
        run.execute()
    except RunFailed as failure:
        code, why = failure.exit_code, f"{type(failure).__name__}: {failure}"
    except Exception:  # the code under test may raise anything
        code, why = CRASHED, traceback.format_exc(limit=-12)
    report = Report(seed) if run is None else run.finish()
    trace = run.world.trace_text() if run is not None and code else ""
    if code and not (tuning and tuning.detailed):
        # The same run once more, with every message noted.
        return run_seed(seed, replace(tuning or Tuning(), detailed=True))
    return Result(report, code, why, trace, time.perf_counter() - began)


def known_seeds() -> list[int]:
    """Return the seeds that have found something, from the file that keeps them."""
    lines = SEEDS_FILE.read_text("utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line[:1].isdigit()]


@dataclass(slots=True)
class Totals:
    """What all seeds did together."""

    seeds: int = 0
    failed: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    numbers: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result) -> None:
        """Count one seed."""
        report = result.report
        self.seeds += 1
        self.failed += bool(result.exit_code)
        self.faults += report.faults
        for name in ("operations", "entries", "elections", "snapshots", "installed", "expired"):
            self.numbers[name] += getattr(report, name)
        self.numbers["virtual"] += report.virtual
        self.numbers["events"] += report.events

    def text(self, wall_s: float) -> str:
        """Return the report."""
        numbers = self.numbers
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.seeds} seeds, {self.failed} failed; {numbers['virtual'] // SECOND} s of virtual"
            f" time in {wall_s:.1f} s\n"
            f"operations {numbers['operations']}, log entries {numbers['entries']}, elections"
            f" {numbers['elections']}, snapshots {numbers['snapshots']} (installed"
            f" {numbers['installed']}), sessions expired {numbers['expired']}, events"
            f" {numbers['events']}\n"
            f"faults {self.faults.total()}: {faults}"
        )


def show_failure(result: Result, lines: int) -> None:
    """Print what is wrong and how to see it again."""
    tail = "\n".join(result.trace.splitlines()[-lines:])
    seed = result.report.seed
    print(f"\n{tail}\n\nseed {seed} failed: {result.why}", flush=True)
    print(f"replay: ./dev sim --seeds 1 --seed {seed} --trace 100000\n", flush=True)


def run_day(seed: int, hours: int, lines: int) -> int:
    """Simulate a day; report, and return the exit code."""
    began = time.perf_counter()
    day = Day(seed, hours)
    code, why = 0, ""
    try:
        day.execute()
    except RunFailed as failure:
        code, why = failure.exit_code, f"{type(failure).__name__}: {failure}"
    except Exception:  # the code under test may raise anything
        code, why = CRASHED, traceback.format_exc(limit=-12)
    wall_s = time.perf_counter() - began
    result = Result(day.run.finish(), code, why, day.run.world.trace_text(), wall_s)
    totals = Totals()
    totals.add(result)
    print(totals.text(wall_s))
    kept = ", ".join(f"{name} {size}" for name, size in day.largest().items())
    print(f"the most that a server kept at the end of an hour: {kept}")
    if code:
        tail = "\n".join(result.trace.splitlines()[-lines:])
        print(f"\n{tail}\n\nthe day of seed {seed} failed: {why}")
        print(f"replay: ./dev sim --day --hours {hours} --seed {seed}")
    return code


def results_of(seeds: Sequence[int], jobs: int) -> Iterator[Result]:
    """Yield the results in the order of the seeds."""
    if jobs == 1:
        yield from map(run_seed, seeds)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(run_seed, seeds, chunksize=4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit code of the first failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=0, help="how many; 0: those of seeds.txt")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--go-on", action="store_true", help="go on after a failure")
    parser.add_argument("--trace", type=int, default=TRACE_LINES, help="lines of it to show")
    parser.add_argument("--day", action="store_true", help="simulate a day instead, lightly loaded")
    parser.add_argument("--hours", type=int, default=24, help="of the day")
    parser.add_argument("--fingerprints", type=Path, help="a file for what each run came to")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each seed")
    options = parser.parse_args(arguments)
    if options.day:
        return run_day(options.seed, options.hours, options.trace)
    seeds = list(range(options.seed, options.seed + options.seeds)) or known_seeds()
    totals, exit_code, began = Totals(), 0, time.perf_counter()
    fingerprints = []
    for result in results_of(seeds, options.jobs):
        totals.add(result)
        report = result.report
        fingerprints.append(f"{report.seed} {report.fingerprint}\n")
        if options.verbose:
            print(
                f"seed {report.seed}: {report.nodes} nodes, {'+'.join(report.workloads)}, "
                f"{report.operations} operations, {result.wall_s:.2f} s, "
                f"trace {report.trace_hash}",
                flush=True,
            )
        elif totals.seeds % 50 == 0:
            print(f"{totals.seeds} of {len(seeds)} seeds", flush=True)
        if result.exit_code:
            show_failure(result, options.trace)
            exit_code = exit_code or result.exit_code
            if not options.go_on:
                break
    print(totals.text(time.perf_counter() - began))
    if options.fingerprints:
        options.fingerprints.write_text("".join(fingerprints))
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
