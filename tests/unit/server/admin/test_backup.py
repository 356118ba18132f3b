"""Backups over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from coordsvc.offline.restore import read_backup
from coordsvc.server.admin import backup as module


async def test_a_backup_holds_every_write_before_it(node, tmp_path):
    for number in range(50):
        await node.create(f"/a/{number}", b"x" * 1000)
    digest = node.machine.digest
    response = await node.http.get("/v1/snapshot")
    assert response.status == 200
    place = tmp_path / "b.snap"
    place.write_bytes(await response.read())
    held = read_backup(place)
    assert str(held.meta.index) == response.headers["X-Coordsvc-Revision"]
    assert held.machine.digest == digest
    assert len(held.machine.tree) == 52


async def test_a_second_backup_of_the_same_state_is_the_same(node):
    await node.create("/a")
    first, second = [await (await node.http.get("/v1/snapshot")).read() for _ in range(2)]
    assert first == second


async def test_writes_go_on_during_backups(node):
    await node.create("/a", b"x" * 1_000_000)
    backups = [asyncio.create_task(node.http.get("/v1/snapshot")) for _ in range(3)]
    for number in range(20):
        await node.create(f"/b/{number}")
    assert [(await each).status for each in backups] == [200] * 3


async def test_there_are_only_so_many_backups_at_a_time(node, monkeypatch):
    monkeypatch.setattr(module, "BACKUPS_MAX", 0)
    status, problem = await node.get("/v1/snapshot")
    assert (status, problem["code"]) == (503, "overloaded")


async def test_a_full_disk_is_told(node):
    compaction = node.server.replica.snapshots.compaction
    await node.create("/a")
    compaction.started()
    asked = asyncio.create_task(node.get("/v1/snapshot"))
    await asyncio.sleep(0.05)
    compaction.failed(0)
    status, problem = await asked
    assert (status, problem["code"]) == (503, "disk_full")


async def test_a_snapshot_that_takes_for_ever_is_given_up(node, monkeypatch):
    monkeypatch.setattr(module, "WRITE_S", 0.01)
    await node.create("/a")
    node.server.replica.snapshots.compaction.started()
    status, problem = await node.get("/v1/snapshot")
    assert (status, problem["code"]) == (504, "timed_out")


async def test_a_client_that_takes_nothing_is_given_up(node, monkeypatch):
    monkeypatch.setattr(module, "STALL_S", 0.1)
    send, given_up = module._send, asyncio.Event()

    async def watched(*arguments):
        try:
            return await send(*arguments)
        finally:
            given_up.set()

    monkeypatch.setattr(module, "_send", watched)
    for number in range(20):
        await node.create(f"/big/{number}", bytes(1_000_000))
    reader, writer = await asyncio.open_connection("127.0.0.1", node.http.port, limit=1024)
    writer.write(b"GET /v1/snapshot HTTP/1.1\r\nHost: n1\r\n\r\n")
    async with asyncio.timeout(30):
        await (
            given_up.wait()
        )  # what is not read fills the buffers of the kernel, and then it stalls
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(20_000_000)
    writer.close()
    status, _ = await node.get("/v1/cluster")
    assert status == 200
