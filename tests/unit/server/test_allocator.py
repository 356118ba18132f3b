"""Memory that was freed goes back to the system."""

import platform
import subprocess
import sys

import pytest

from coordsvc.server import allocator

PROGRAM = """
import sys
from pathlib import Path
from coordsvc.server import allocator

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

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
