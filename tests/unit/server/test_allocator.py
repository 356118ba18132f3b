"""Memory that was freed goes back to the system."""

import asyncio
import platform
import subprocess
import sys

import pytest

from coordsvc.server import allocator

RESIDENT = """
import sys
from pathlib import Path
from coordsvc.server import allocator

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
"""

PROGRAM = (
    RESIDENT
    + """
if sys.argv[1] == "fixed":
    assert allocator.give_back_what_is_freed()
bytes(30_000_000)  # by itself this raises the threshold
start = resident()
values, small = [], []
for n in range(200):
    values.append(b"%d" % n * 200_000)
    small.append(b"x%d" % n * 300)
values.clear()
print((resident() - start) // 1024)
"""
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_large_values_leave_the_process_when_they_are_freed():
    def left_mib(how):
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
        )
        return int(told.stdout)

    assert left_mib("fixed") < 10 < left_mib("as it is")


def test_a_platform_without_it_is_left_alone(monkeypatch):
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _name: object())
    assert allocator.give_back_what_is_freed() is False
    assert allocator.trimmer() is None


HOLES = (
    RESIDENT
    + """
start = resident()
values, kept = [], []
for n in range(2_000):
    values.append(b"%d" % n * 10_000)
    if n % 2:  # each keeps one page or two: these 5 MiB stay
        kept.append(b"x%d" % n * 300)
values.clear()
before = resident()
allocator.trimmer()(0)
print((before - start) // 1024, (resident() - start) // 1024)
"""
)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_the_holes_that_smaller_values_left_are_given_back():
    told = subprocess.run(
        [sys.executable, "-c", HOLES], capture_output=True, text=True, check=True
    ).stdout
    before, after = map(int, told.split())
    assert after < 10 < 50 < before


class Node:
    def __init__(self):
        self.applied = 7
        self.watch = allocator.HoleWatch(lambda: self.applied, None)

    def looks_after(self, entries):
        self.applied += entries
        return self.watch.look()


def test_a_burst_is_over_when_little_happens():
    node = Node()
    assert not node.looks_after(allocator.QUIET_ENTRIES + 1)
    assert not node.looks_after(10_000)
    assert node.looks_after(3)


def test_little_by_little_comes_to_a_burst_as_well():
    node = Node()
    assert [node.looks_after(allocator.BURST_ENTRIES // 4) for _ in range(8)] == [
        False, False, False, True, False, False, False, True,
    ]  # fmt: skip


def test_a_node_at_rest_is_left_alone():
    node = Node()
    assert node.looks_after(allocator.BURST_ENTRIES)
    assert not any(node.looks_after(0) for _ in range(10))


async def test_it_looks_as_long_as_it_runs(monkeypatch):
    monkeypatch.setattr(allocator, "LOOK_S", 0.001)
    trimmed = asyncio.Event()
    loop = asyncio.get_running_loop()
    applied = [0]
    watch = allocator.HoleWatch(
        lambda: applied[0], lambda _pad: loop.call_soon_threadsafe(trimmed.set)
    )
    watch.start()
    for _ in range(2):
        applied[0] += allocator.BURST_ENTRIES
        await asyncio.wait_for(trimmed.wait(), 5)
        trimmed.clear()
    watch.close()
    applied[0] += allocator.BURST_ENTRIES
    await asyncio.sleep(0.05)
    assert not trimmed.is_set()


async def test_an_allocator_without_it_is_not_looked_at():
    watch = allocator.HoleWatch(lambda: 0, None)
    watch.start()
    watch.close()
    assert len(asyncio.all_tasks()) == 1
