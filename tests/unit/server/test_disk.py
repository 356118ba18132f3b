"""The log's way to disk: order, shared syncs, and what happens when the disk fails."""

import asyncio
import random

import pytest

from coordsvc.base.errors import CoordsvcError, DiskFailed, DiskFull, Fatal
from coordsvc.replica.effects import LogReset, Write
from coordsvc.server import disk as module
from coordsvc.server.disk import LogWriter
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.wal import WriteAheadLog
from tests.sim.disk import SimFiles


class Bench:
    """A LogWriter and what it called back."""

    def __init__(self, files, *, kernel_sync):
        self.files = files
        self.written = 0
        self.errors = []
        self.wal = WriteAheadLog.open(files, segment_bytes=16_384, first_segment_bytes=16_384)
        self.log = LogWriter(
            self.wal,
            written=self.on_written,
            failed=self.errors.append,
            kernel_sync=kernel_sync,
        )

    def on_written(self, count, seconds):
        assert seconds >= 0
        self.written += count

    async def until(self, what):
        async with asyncio.timeout(5):
            while not what():
                await asyncio.sleep(0.001)


def write(index, payload=b"x", state=None):
    return Write(state, index, index, payload)


@pytest.fixture(params=["kernel", "thread"])
async def real(tmp_path, request):
    bench = Bench(OsFiles(tmp_path), kernel_sync=request.param == "kernel")
    yield bench
    await bench.log.close()


@pytest.fixture
async def sim():
    return Bench(SimFiles(random.Random(1)), kernel_sync=False)


def records(files):
    return WriteAheadLog.open(files, segment_bytes=16_384).recovered


async def test_every_write_is_told_of_once_and_is_there_afterwards(real, tmp_path):
    for index in range(1, 40):
        real.log.put([write(index, bytes(900)), Write(b"state %d" % index, 0, 0, b"")])
        if index % 3 == 0:
            await real.until(lambda index=index: real.written == 2 * index)
    await real.until(lambda: real.written == 78)
    assert real.errors == []
    found = records(OsFiles(tmp_path))
    assert found.last_index == 39
    assert found.state == b"state 39"


async def test_jobs_keep_their_order(real, tmp_path):
    real.log.put([write(1), write(2), LogReset(10), write(11)])
    real.log.put([write(12), 12])
    await real.until(lambda: real.written == 4)
    found = records(OsFiles(tmp_path))
    assert [each[0] for each in found.records] == [11, 12]


async def test_what_waits_shares_a_sync(sim):
    sim.log.put([write(1)])
    before = sim.files.syncs
    for index in range(2, 12):
        sim.log.put([write(index)])
    await sim.until(lambda: sim.written == 11)
    assert sim.files.syncs - before <= 4
    assert sim.log.busy_since is None or sim.written == 11
    await sim.log.close()


async def test_a_failure_is_told_once_when_a_batch_and_the_next_segment_fail_both(sim):
    sim.files.fail_syncs = True
    sim.log.put([write(1)])
    await sim.until(lambda: sim.errors)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(DiskFailed("the same disk"))
    sim.log._on_prepared(failed)
    assert len(sim.errors) == 1
    await sim.log.close()


async def test_after_a_failed_sync_nothing_is_told_to_be_written(sim):
    sim.log.put([write(1)])
    await sim.until(lambda: sim.written == 1)
    sim.files.fail_syncs = True
    sim.log.put([write(2)])
    sim.log.put([write(3)])
    await sim.until(lambda: sim.errors)
    sim.files.fail_syncs = False
    sim.log.put([write(4)])
    await asyncio.sleep(0.01)
    assert sim.written == 1
    assert len(sim.errors) == 1
    assert isinstance(sim.errors[0], CoordsvcError)
    syncs = sim.files.syncs
    await sim.log.close()
    assert sim.files.syncs == syncs, "no retry trusts the page cache"


async def test_a_broken_rule_of_the_log_is_fatal_too(sim):
    sim.log.put([write(5)])  # leaves a gap
    await sim.until(lambda: sim.errors)
    assert isinstance(sim.errors[0], Fatal)
    assert sim.written == 0


async def test_a_full_disk_is_waited_out(sim, monkeypatch):
    monkeypatch.setattr(module, "FULL_PAUSE_S", 0.005)
    used = sim.files.capacity - sim.files.free_bytes()
    sim.files.capacity = used
    sim.log.put([write(index, bytes(3_000)) for index in range(1, 9)])
    await asyncio.sleep(0.03)
    assert sim.written == 0
    assert sim.errors == []
    sim.files.capacity = 2**40
    await sim.until(lambda: sim.written == 8)
    await sim.log.close()


async def test_room_that_lacks_in_the_middle_of_a_segment_is_waited_for_too(
    real, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "FULL_PAUSE_S", 0.005)
    lacking = [True] * 5
    write_at = type(real.wal._active._file).write_at

    def write_at_if_there_is_room(file, offset, data):
        if lacking and bytes(data[:3]) == b"rec":
            lacking.pop()
            raise DiskFull("copied on write")
        write_at(file, offset, data)

    monkeypatch.setattr(type(real.wal._active._file), "write_at", write_at_if_there_is_room)
    real.log.put([write(1), write(2)])
    real.log.put([write(3)])
    await real.until(lambda: real.written == 3)
    assert lacking == []
    assert real.errors == []
    assert [first for first, _, _ in records(OsFiles(tmp_path)).records] == [1, 2, 3]


async def test_stopping_ends_the_wait_for_room(sim, monkeypatch):
    monkeypatch.setattr(module, "FULL_PAUSE_S", 0.005)
    sim.files.capacity = sim.files.capacity - sim.files.free_bytes()
    sim.log.put([write(index, bytes(3_000)) for index in range(1, 9)])
    await asyncio.sleep(0.01)
    await sim.log.close()
    assert sim.written == 0
    assert isinstance(sim.errors[0], Fatal)


async def test_a_full_disk_does_not_delay_what_the_present_segment_has_room_for(sim):
    sim.files.capacity = sim.files.capacity - sim.files.free_bytes()
    loop = asyncio.get_running_loop()
    began = loop.time()
    for index in range(1, 6):
        sim.log.put([write(index)])
        await sim.until(lambda index=index: sim.written == index)
    assert loop.time() - began < module.FULL_PAUSE_S
    sim.files.capacity = 2**40
    await sim.log.close()
