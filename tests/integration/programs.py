"""Programs under test: started, listened to line by line, frozen, killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue

from tests.integration.cluster import Cluster

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
WAIT_S = 30.0


def environment(cluster: Cluster, chroot: str = "") -> dict[str, str]:
    """Return an environment whose programs find this cluster and our commands."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    http = ",".join(plan.http_address for plan in cluster.plans)
    return clean | {
        "COORDSVC_ENDPOINTS": cluster.endpoints + chroot,
        "COORDSVC_HTTP_ENDPOINTS": http,
        "PATH": path,
    }


def coordctl(cluster: Cluster, *arguments: str) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(
        [BIN / "coordctl", *arguments],
        env=environment(cluster),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


class Program:
    """A process whose output is collected while it runs."""

    def __init__(self, *command: str | Path, env: dict[str, str], cwd: Path = ROOT) -> None:
        self.lines: list[str] = []
        self._seen = 0
        self._queue: Queue[str] = Queue()
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._queue.put(line.rstrip("\n"))

    def wait_for(self, *texts: str) -> str:
        """Return the next line that has one of these texts; lines are looked at once only."""
        until = time.monotonic() + WAIT_S
        while True:
            while self._seen < len(self.lines):
                line = self.lines[self._seen]
                self._seen += 1
                if any(text in line for text in texts):
                    return line
            try:
                self.lines.append(self._queue.get(timeout=max(0.0, until - time.monotonic())))
            except Empty:
                said = "\n".join(self.lines)
                raise AssertionError(f"none of {texts} within {WAIT_S} s:\n{said}") from None

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """End it; return its exit code."""
        self.send(number)
        self.send(signal.SIGCONT)
        code = self._process.wait(10)
        self._reader.join(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@contextlib.contextmanager
def programs() -> Iterator[list[Program]]:
    """Give a list; what is put into it is ended in the end."""
    started: list[Program] = []
    try:
        yield started
    finally:
        for program in started:
            program.end()
