"""Plays every script against a real ZooKeeper and writes its answers into the scripts.

python -m tests.zookeeper.record [SCRIPT ...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.zookeeper import reference
from tests.zookeeper.script import SCRIPTS, Script, Stage, scripts

ENSEMBLE = "# servers: 3"
"""The first line of a script that needs more than one server."""


def servers_of(script: Script) -> int:
    return 3 if ENSEMBLE in script.head else 1


def main() -> int:
    """Record; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scripts", nargs="*", help="names; all without")
    chosen = parser.parse_args().scripts
    if (why := reference.missing()) is not None:
        print(f"record: {why}", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stages: dict[int, Stage] = {}
        for script in scripts():
            if chosen and script.name not in chosen:
                continue
            count = servers_of(script)
            if count not in stages:
                zookeeper = reference.Reference(folder / str(count), servers=count)
                stages[count] = Stage(stack.enter_context(zookeeper).addresses)
            began = time.monotonic()
            for case in script.cases:
                answers = stages[count].run(case)
                for step, answer in zip(case.steps, answers, strict=True):
                    step.answer = answer
            (SCRIPTS / f"{script.name}.zk").write_text(script.text())
            print(f"{script.name}: {len(script.cases)} cases in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
