"""What one append with its sync costs on this machine's disk.

    python tests/bench/bench_wal.py [folder] [count]

The folder should be on the disk in question; the files are removed again. `raw` is the floor: the
same write and fdatasync on a file of written zeros, without a log.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from coordsvc.base import limits
from coordsvc.storage.os_files import OsFiles
from coordsvc.storage.wal import WriteAheadLog

SIZES = (100, 16 * limits.KIB)


def timed(count: int, operation: Callable[[int], None]) -> str:
    times = []
    for number in range(count):
        started = time.perf_counter_ns()
        operation(number)
        times.append((time.perf_counter_ns() - started) / 1000)
    times.sort()
    return f"p50 {times[count // 2]:7.0f} µs   p99 {times[count * 99 // 100]:7.0f} µs"


def bench_raw(files: OsFiles, size: int, count: int) -> str:
    file = files.open("raw", create=True)
    file.allocate(16 * limits.MIB)
    file.sync()
    payload = b"x" * size

    def write(number: int) -> None:
        file.write_at(number * size % (15 * limits.MIB), payload)
        file.sync()

    try:
        return timed(count, write)
    finally:
        file.close()
        files.remove("raw")


def bench_log(files: OsFiles, size: int, count: int) -> tuple[str, str]:
    """Return the cost of append + sync, and of append alone."""
    log = WriteAheadLog.open(files, first_segment_bytes=limits.SEGMENT_BYTES)
    while log.prepare_next():
        pass
    payload = b"x" * size

    def append(number: int) -> None:
        log.append(number + 1, number + 1, payload)

    def append_and_sync(number: int) -> None:
        append(number)
        log.sync()

    durable = timed(count, append_and_sync)
    log.reset(0)
    gathered = timed(min(count, 500), append)
    log.close()
    for name in files.names():
        files.remove(name)
    return durable, gathered


def bench_start(folder: Path) -> str:
    files = OsFiles(folder)
    started = time.perf_counter()
    WriteAheadLog.open(files).close()
    first = time.perf_counter() - started
    for name in files.names():
        files.remove(name)
    return f"{first * 1000:.1f} ms"


def main() -> None:
    parent = sys.argv[1] if len(sys.argv) > 1 else None
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    with tempfile.TemporaryDirectory(dir=parent, prefix="bench-wal-") as folder:
        files = OsFiles(Path(folder))
        print(f"first start                 {bench_start(Path(folder))}")
        for size in SIZES:
            print(f"{size:6} B  raw               {bench_raw(files, size, count)}")
            durable, gathered = bench_log(files, size, min(count, 14 * limits.MIB // size))
            print(f"{size:6} B  append and sync   {durable}")
            print(f"{size:6} B  append            {gathered}")


if __name__ == "__main__":
    main()
