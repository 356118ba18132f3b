"""The handle on a load generator in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

Json = dict[str, object]
ROOT = Path(__file__).resolve().parents[2]


class LoadError(Exception):
    """The load generator could not do what it was asked."""


class LoadGenerator:
    """A process that carries out one job at a time. Use as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        if error is not None:
            self._process.kill()
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(self, do: str, **job: object) -> None:
        """Have a job begun. `answer` has to follow."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **job}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Json:
        """Return what came of the job that was started.

        Raises:
            LoadError: the process has ended instead; it says why on its error output.

        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LoadError(f"the load generator ended with code {self._process.wait()}")
        found: Json = json.loads(line)
        return found

    def run(self, do: str, **job: object) -> Json:
        """Have a job done; return what came of it."""
        self.start(do, **job)
        return self.answer()
