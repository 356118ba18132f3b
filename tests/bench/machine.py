"""The limits of this machine: what no service on it can beat.

An echo server on the event loop that decodes and encodes MessagePack is the ceiling of any
request; fdatasync of a written file is the floor of any durable write; how fast the interpreter
calls depends on how it was built. Figures of a service mean something beside these, taken in the
same run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import uvloop

from coordsvc_client.wire.framing import FrameSplitter, decode, encode_frame
from tests.bench.figures import print_table, quantile, thousands
from tests.bench.generator import ROOT

FILE_BYTES = 8 * 2**20
ECHO_OUTSTANDING = (1, 16, 64, 256)
CALLS = range(1_000)


class Echo(asyncio.Protocol):
    """Decodes every frame and sends it back encoded anew, one write for what came together."""

    def __init__(self) -> None:
        self.splitter = FrameSplitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        replies = [encode_frame(decode(body)) for body in self.splitter.split(data)]
        self.transport.write(b"".join(replies))


class Caller(asyncio.Protocol):
    """Keeps so many requests outstanding on one connection."""

    def __init__(self, outstanding: int) -> None:
        self.outstanding = outstanding
        self.splitter = FrameSplitter()
        self.request = encode_frame([3, 1, 1, "/bench/key000001", b"v" * 100, -1, []])
        self.times: list[float] = []
        self.began: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.began = [time.perf_counter()] * self.outstanding
        self.transport.write(self.request * self.outstanding)

    def data_received(self, data: bytes) -> None:
        count = len([decode(body) for body in self.splitter.split(data)])
        now = time.perf_counter()
        self.times += [now - began for began in self.began[:count]]
        self.began = self.began[count:] + [now] * count
        self.transport.write(self.request * count)


async def serve_echo() -> None:
    """Listen on a free port, print it, and serve until the input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


async def call(port: int, outstanding: int, seconds: float) -> list[float]:
    """Return the times of all round trips."""
    loop = asyncio.get_running_loop()
    transport, caller = await loop.create_connection(lambda: Caller(outstanding), "127.0.0.1", port)
    await asyncio.sleep(seconds)
    transport.abort()
    return caller.times


def echo_rows(seconds: float) -> list[list[str]]:
    """Return rates and times of echoes."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.machine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        rows = []
        for outstanding in ECHO_OUTSTANDING:
            times = sorted(uvloop.run(call(port, outstanding, seconds)))
            rows.append(
                [
                    f"echo, {outstanding} outstanding",
                    thousands(len(times) / seconds),
                    thousands(quantile(times, 0.5) * 1e6),
                    thousands(quantile(times, 0.99) * 1e6),
                ]
            )
        server.communicate("")
    return rows


def sync_times(path: Path, size: int, seconds: float) -> list[float]:
    """Return the times of writes of `size` bytes to a written file, each with an fdatasync."""
    times = []
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.pwrite(file, bytes(FILE_BYTES), 0)
        os.fsync(file)
        payload, at = b"x" * size, 0
        until = time.perf_counter() + seconds
        while (began := time.perf_counter()) < until:
            os.pwrite(file, payload, at)
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
            at = (at + size) % (FILE_BYTES - size)
    finally:
        os.close(file)
        path.unlink()
    return times


def sync_rows(folder: Path, seconds: float) -> list[list[str]]:
    """Return rates and times of syncs: alone, larger, and three writers at once."""
    rows = []
    for size, writers in ((150, 1), (16_384, 1), (150, 3)):
        with ThreadPoolExecutor(writers) as pool:
            running = [
                pool.submit(sync_times, folder / f"sync{i}", size, seconds) for i in range(writers)
            ]
        times = [one for each in running for one in each.result()]
        times.sort()
        rows.append(
            [
                f"fdatasync of {size} B, {writers} at once",
                thousands(len(times) / seconds),
                thousands(quantile(times, 0.5) * 1e6),
                thousands(quantile(times, 0.99) * 1e6),
            ]
        )
    return rows


def interpreter_rows(seconds: float) -> list[list[str]]:
    """Return how fast this Python calls: one built without optimizations takes longer.

    The command line of the build does not always tell which it is.
    """
    times = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        for number in CALLS:
            _called(number, number)
        times.append(time.perf_counter() - began)
    times.sort()
    return [
        [
            f"{len(CALLS):,} calls, Python {platform.python_version()}",
            thousands(len(times) / seconds),
            thousands(quantile(times, 0.5) * 1e6),
            thousands(quantile(times, 0.99) * 1e6),
        ]
    ]


def _called(one: int, other: int) -> int:
    return one + other


def print_limits(folder: Path, *, seconds: float) -> None:
    """Measure and print."""
    rows = [*echo_rows(seconds), *sync_rows(folder, seconds), *interpreter_rows(seconds)]
    print_table(("limit of this machine", "per s", "p50 µs", "p99 µs"), rows)
    print()


def main(options: argparse.Namespace) -> None:
    """Print the limits of this machine."""
    print_limits(options.folder, seconds=options.seconds or 2.0)


if __name__ == "__main__":
    uvloop.run(serve_echo())
