"""A backup over HTTP: one snapshot file, as a stream.

The state is written into a snapshot on this node's disk at the disk's speed, and sent from there
at the client's: a slow client holds a file open, never memory.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from coordsvc.base import limits
from coordsvc.base.ids import Index
from coordsvc.base.vocabulary import codes
from coordsvc.server.admin.problems import problem_of
from coordsvc.server.driver import Driver
from coordsvc.server.local import Local
from coordsvc.storage.snapshots import SnapshotFile, SnapshotReader

BACKUPS_MAX: Final = 4  # at a time
WRITE_S: Final = 600.0  # a state that takes longer to be written is beyond what one node can hold
STALL_S: Final = 60.0  # a client that takes nothing for so long is given up


class Backup:
    """The way to a backup."""

    def __init__(self, local: Local, driver: Driver) -> None:
        self._local = local
        self._driver = driver
        self._running = 0

    def routes(self) -> list[web.RouteDef]:
        """Return what this answers."""
        return [web.get("/v1/snapshot", self.snapshot, allow_head=False)]

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """Send a snapshot that holds every write acknowledged before this request."""
        if self._running >= BACKUPS_MAX:
            raise problem_of(codes.OVERLOADED, f"{BACKUPS_MAX} backups are under way")
        self._running += 1
        try:
            revision = (await self._local.caught_up()).applied
            file, reader = await self._written(revision)
            try:
                return await _send(request, file, reader)
            finally:
                reader.close()
        finally:
            self._running -= 1

    async def _written(self, revision: Index) -> tuple[SnapshotFile, SnapshotReader]:
        try:
            async with asyncio.timeout(WRITE_S):
                return await self._driver.backup(revision)
        except TimeoutError:
            raise problem_of(codes.TIMED_OUT, "the snapshot was not written in time") from None


async def _send(
    request: web.Request, file: SnapshotFile, reader: SnapshotReader
) -> web.StreamResponse:
    name = f"coordsvc-{file.index}.snap"
    response = web.StreamResponse(
        headers={
            "Content-Type": "application/octet-stream",
            "Content-Length": str(reader.size),
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Coordsvc-Revision": str(file.index),
        }
    )
    await response.prepare(request)
    offset = 0
    while offset < reader.size:
        piece = await asyncio.to_thread(reader.read, offset, limits.SNAPSHOT_CHUNK_BYTES)
        try:
            async with asyncio.timeout(STALL_S):
                await response.write(piece)
        except TimeoutError as error:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("the client takes nothing") from error
        offset += len(piece)
    await response.write_eof()
    return response
