"""Nodes on disks that fill up: small file systems in memory, which only root can mount."""

from __future__ import annotations

import asyncio
import os
import subprocess
import urllib.request

import pytest

from coordsvc_client import CoordError, connect
from coordsvc_client.wire import codes
from tests.integration.cluster import Cluster

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system"),
]

DISK_MIB = 64
RESERVE = ("--disk-reserve-bytes", str(16 * 2**20))
SMALLEST_RESERVE = ("--disk-reserve-bytes", str(2**20))
PATIENCE_S = 10.0


class SmallDisks:
    """A cluster of which some nodes have a small disk; a ballast takes the room on it."""

    def __init__(self, folder, names, options):
        self.cluster = Cluster(folder / "nodes", options=options)
        self.folders = [plan.folder for plan in self.cluster.plans if plan.name in names]
        self._mounted = []

    async def __aenter__(self):
        for folder in self.folders:
            folder.mkdir(parents=True)
            command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                self._unmount()
                pytest.skip("file systems cannot be mounted here")
            self._mounted.append(folder)
        try:
            await asyncio.to_thread(self.cluster.start)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, _kind=None, error=None, _at=None):
        await asyncio.to_thread(self.cluster.stop)
        if error is not None:
            error.add_note(self.cluster.logs())
        self._unmount()

    def _unmount(self):
        for folder in self._mounted:
            subprocess.run(["umount", str(folder)], check=True)
        self._mounted = []

    def fill(self, *, leave_mib):
        """Take all room on the small disks but so much."""
        for folder in self.folders:
            status = os.statvfs(folder)
            size = status.f_bavail * status.f_frsize - leave_mib * 2**20
            with (folder / "log" / "ballast").open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, size)

    def relieve(self):
        """Give the room back."""
        for folder in self.folders:
            (folder / "log" / "ballast").unlink()

    def text(self, name, path):
        url = f"http://{self.cluster.nodes[name].plan.http_address}{path}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()

    async def connect(self):
        return await connect([plan.client_address for plan in self.cluster.plans])


async def until(what):
    """Try every tenth of a second until `what` awaits to something true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await what():
            await asyncio.sleep(0.1)


async def code_of(awaitable):
    """Return the code of the error, 0 if there is none."""
    try:
        await awaitable
    except CoordError as error:
        return error.code
    return codes.OK


async def test_before_a_disk_is_full_growth_is_refused_everywhere_and_the_rest_goes_on(tmp_path):
    async with SmallDisks(tmp_path, {"n2"}, RESERVE) as disks, await disks.connect() as client:
        await client.create("/a", b"1")
        await client.create("/b", b"2")
        disks.fill(leave_mib=12)

        async def refused():
            return await code_of(client.put("/a", b"x")) == codes.DISK_FULL

        await until(refused)
        with pytest.raises(CoordError, match="disk of n2"):
            await client.create("/c")
        assert await code_of(client.txn().put("/c", b"").commit()) == codes.DISK_FULL
        assert (await client.get("/b")).data == b"2"
        await client.delete("/b")
        for name, alarm in (("n1", "0.0"), ("n2", "1.0"), ("n3", "0.0")):
            assert f"coordsvc_disk_alarm {alarm}" in disks.text(name, "/metrics")
            assert "[!]disk little room is left on the disk of n2" in disks.text(
                name, "/readyz?verbose"
            )
        disks.relieve()

        async def taken():
            return await code_of(client.put("/a", b"y")) == codes.OK

        await until(taken)
        assert "[+]disk ok" in disks.text("n1", "/readyz?verbose")


async def test_without_room_for_the_log_nothing_is_acknowledged_and_the_leader_stays(tmp_path):
    async with (
        SmallDisks(tmp_path, {"n1", "n2"}, SMALLEST_RESERVE) as disks,
        await disks.connect() as client,
    ):
        await client.create("/big")
        before = disks.cluster.http("n3", "/v1/cluster")
        writers = [await disks.connect() for _ in range(6)]
        disks.fill(leave_mib=2)  # no alarm yet, but no room for the next segment either
        writes = [
            asyncio.create_task(code_of(writer.put(f"/big/{number}", bytes(2**19))))
            for number, writer in enumerate(writers * 3)  # more than what is prepared takes
        ]
        await asyncio.sleep(4)
        waiting = [write for write in writes if not write.done()]
        assert waiting, "what a majority has no room for is not acknowledged"
        after = disks.cluster.http("n3", "/v1/cluster")
        assert (after["leader"], after["term"]) == (before["leader"], before["term"])
        assert (await client.get("/big")).data == b"", "heartbeats and reads go on"
        disks.relieve()
        async with asyncio.timeout(PATIENCE_S):
            outcomes = await asyncio.gather(*writes)
        # A client that left its server sent again, and met the alarm: it cannot know.
        assert set(outcomes) <= {codes.OK, codes.DISK_FULL, codes.OUTCOME_UNKNOWN}
        assert codes.OK in {await write for write in waiting}
        await asyncio.gather(*(writer.close() for writer in writers))
        kept = {int(name) for name in await client.children("/big")}
        assert {number for number, code in enumerate(outcomes) if code == codes.OK} <= kept
        assert not {n for n, code in enumerate(outcomes) if code == codes.DISK_FULL} & kept
