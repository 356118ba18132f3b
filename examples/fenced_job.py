"""A job that only one process may run at a time, and a storage that can tell if two ever do.

    ./dev up                                          # in one terminal: a cluster
    .venv/bin/python examples/fenced_job.py /tmp/reports.db     # in two others: the job
    kill -STOP and -CONT the one that works           # and see who may write

A lock alone cannot protect a storage: the holder may be frozen (by the scheduler, a paging
disk, a suspended machine) at the very moment before it writes, and wake up when the lock has
long been somebody else's. So two things belong together:

- the lock has a *fencing token*, a number that grows with every grant, and
- the storage remembers the largest token it has seen and refuses writes with a smaller one.

Here the storage is a SQLite file. In yours it is one more condition in the UPDATE.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import sys
import time
from contextlib import closing

from coordsvc_client import LockLost, connect

LOCK = "/locks/report"
SESSION_S = 2.0
"""After so long a silence the others go on without this process."""
COMPUTE_S = 0.3

log = logging.getLogger("report")


class RefusedError(Exception):
    """The storage has seen a larger token: somebody else holds the lock now."""


class Storage:
    """A table of lines, written under a fencing token. Safe with any number of processes."""

    def __init__(self, path: str) -> None:
        self._path = path
        with closing(self._open()) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS lines (token INTEGER, line TEXT)")
            database.execute("CREATE TABLE IF NOT EXISTS fence (token INTEGER)")
            database.execute("INSERT INTO fence SELECT 0 WHERE NOT EXISTS (SELECT * FROM fence)")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10)

    def append(self, line: str, *, token: int) -> None:
        """Add a line, unless a larger token was here before: compare and write are one step.

        Raises:
            RefusedError: it was.

        """
        with closing(self._open()) as database, database:
            moved = database.execute("UPDATE fence SET token = ? WHERE token <= ?", (token, token))
            if moved.rowcount == 0:
                raise RefusedError(f"token {token} is too old")
            database.execute("INSERT INTO lines VALUES (?, ?)", (token, line))

    def lines(self) -> list[tuple[int, str]]:
        """Return all lines with their tokens, in the order they were written."""
        with closing(self._open()) as database:
            return database.execute("SELECT token, line FROM lines ORDER BY rowid").fetchall()


def add_line(storage: Storage, token: int) -> bool:
    """Compute for a while, then write; tell whether the storage took it.

    This runs in a thread, and nothing can cancel a thread: if the process is frozen in the middle
    of it, it goes on to write whenever it wakes. Only the storage can refuse that.
    """
    time.sleep(COMPUTE_S)
    try:
        storage.append(f"by process {os.getpid()}", token=token)
    except RefusedError as refused:
        log.info("refused: %s", refused)
        return False
    return True


async def main(path: str) -> None:
    """Do the job whenever nobody else does."""
    storage = Storage(path)
    name = f"report-{os.getpid()}"
    async with connect(name=name, session_timeout=SESSION_S) as client:
        while True:
            try:
                async with client.lock(LOCK, note="report") as held:
                    log.info("working with token %d", held.token)
                    while await asyncio.to_thread(add_line, storage, held.token):
                        pass  # a real job would end some day, and so give the lock back
            except LockLost as lost:
                log.info("stopped: the lock with token %d is lost", lost.token)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} DATABASE   (COORDSVC_ENDPOINTS says where the cluster is)")
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
