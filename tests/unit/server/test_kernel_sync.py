"""The kernel's own sync, on a real file; skipped where the kernel has none."""

import asyncio
import errno
import os
import sys

import pytest

from coordsvc.server import kernel_sync as module
from coordsvc.server.kernel_sync import KernelSync


@pytest.fixture
async def syncing():
    """Return it with a queue of outcomes."""
    outcomes = asyncio.Queue()
    kernel = KernelSync.open(asyncio.get_running_loop(), outcomes.put_nowait)
    if kernel is None:
        pytest.skip("this kernel, or this container, has no native asynchronous I/O")
    yield kernel, outcomes
    kernel.close()


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


async def test_a_sync_is_reported_when_it_is_done(syncing, descriptor):
    kernel, outcomes = syncing
    for _ in range(3):
        os.pwrite(descriptor, b"data", 0)
        assert kernel.start(descriptor)
        assert await asyncio.wait_for(outcomes.get(), 5) == 0


async def test_what_cannot_be_synced_is_an_error_or_is_not_taken(syncing, tmp_path):
    kernel, outcomes = syncing
    reading, writing = os.pipe()
    try:
        if kernel.start(writing):
            assert await asyncio.wait_for(outcomes.get(), 5) in {errno.EINVAL, errno.EROFS}
    finally:
        os.close(reading)
        os.close(writing)


async def test_a_closed_file_is_not_taken(syncing, descriptor):
    kernel, _ = syncing
    assert not kernel.start(1_000_000)


async def test_an_error_of_the_kernel_is_passed_on(syncing, descriptor, monkeypatch):
    kernel, outcomes = syncing
    real = kernel._call

    def failing(number, *arguments):
        answer = real(number, *arguments)
        if number == kernel._get_events:
            module._OUTCOME.pack_into(kernel._outcome, 0, 0, 0, -errno.EIO, 0)
        return answer

    monkeypatch.setattr(kernel, "_call", failing)
    assert kernel.start(descriptor)
    assert await asyncio.wait_for(outcomes.get(), 5) == errno.EIO


async def test_there_is_none_elsewhere(monkeypatch):
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(module.platform, "machine", lambda: "pdp11")
    assert KernelSync.open(loop, print) is None
    monkeypatch.setattr(sys, "platform", "plan9")
    assert KernelSync.open(loop, print) is None
