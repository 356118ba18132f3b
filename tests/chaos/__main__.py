"""Break real processes at random and check what they promised.

    python -m tests.chaos --seconds 60 --seed 7 [--nodes 3|5] [--only kill_leader] [--keep]

Exit codes: 0 every promise was kept, 1 a node crashed, 2 a promise was broken (a wrong result),
3 no progress. The seed fixes the order of the faults; processes and clocks stay real, so another
run with it is alike, not equal.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.chaos.cluster import ChaosCluster
from tests.chaos.faults import Faults, Injured
from tests.chaos.load import Load
from tests.sim.verdicts import RunFailed

SESSION_TIMEOUT_S = 20.0
"""Longer than any fault takes: no session of a living client may end."""
WARM_UP_S = 1.0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long faults go on")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--nodes", type=int, default=3, choices=(3, 5))
    parser.add_argument("--only", default="", help="one kind of fault, by name")
    parser.add_argument("--keep", action="store_true", help="keep the folders of the nodes")
    return parser.parse_args()


async def hurt(cluster: ChaosCluster, options: argparse.Namespace) -> None:
    """Run load and faults, then judge."""
    load = Load(
        cluster.addresses, seed=options.seed, session_timeout_s=SESSION_TIMEOUT_S, pace_s=0.04
    )
    async with load:
        faults = Faults(cluster, load, random.Random(options.seed))
        await load.run(WARM_UP_S)
        until = asyncio.get_running_loop().time() + options.seconds
        try:
            while asyncio.get_running_loop().time() < until:
                injured = await faults.inject(options.only)
                print(
                    f"  {injured.kind:<22}{injured.victims:<12}{injured.outage_s:6.2f} s",
                    flush=True,
                )
        finally:
            summary(faults.done)
        faults.look()
        print(*await load.finish(), sep="\n")
        faults.look()


def summary(done: list[Injured]) -> None:
    """Print the faults by kind, with the longest outage of writes each caused."""
    counts = Counter(injured.kind for injured in done)
    print("faults, and the longest outage of writes each kind caused:")
    for kind, count in sorted(counts.items()):
        worst = max(injured.outage_s for injured in done if injured.kind == kind)
        print(f"  {count:4} {kind:<22}{worst:6.2f} s")


def main() -> int:
    """Return the exit code."""
    options = arguments()
    folder = Path(tempfile.mkdtemp(prefix="coordsvc-chaos-"))
    print(f"chaos: seed {options.seed}, {options.nodes} nodes, {options.seconds:g} s, in {folder}")
    cluster = ChaosCluster(folder / "nodes", nodes=options.nodes)
    for notice in cluster.notices:
        print(f"left out: {notice}")
    code = 0
    try:
        with cluster:
            asyncio.run(hurt(cluster, options))
    except RunFailed as failed:
        print(f"FAILED ({type(failed).__name__}): {failed}", file=sys.stderr)
        code = failed.exit_code
    finally:
        if code and not options.keep:
            print(f"logs of the nodes: {folder}", file=sys.stderr)
        elif not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
