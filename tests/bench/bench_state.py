"""What applying costs: `python tests/bench/bench_state.py [--nodes 1000000]`.

Prints microseconds per entry, best of several rounds; with --nodes also memory per node, the
cost of a snapshot in slices, and of a restore.
"""

from __future__ import annotations

import argparse
import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

import msgpack

from coordsvc.base.vocabulary import ops
from coordsvc.state.machine import StateMachine

STAMP_MS = 1_700_000_000_000
ROUNDS = 5
pack = msgpack.Packer(use_bin_type=True).pack


def opened() -> StateMachine:
    machine = StateMachine()
    machine.apply(1, STAMP_MS, pack([0, [ops.OPEN_SESSION, 0, 0, b"p" * 16, 10_000, "b", "-"]]))
    return machine


def entry(serial: int, op: int, *arguments: object) -> bytes:
    return pack([1, [op, serial, serial, *arguments]])


def create(serial: int, path: str, kind: int = ops.PERSISTENT) -> bytes:
    return entry(serial, ops.CREATE, path, b"x" * 100, kind, False, False, 0, [])


def measure(name: str, machine: StateMachine, make: Callable[[int], list[bytes]]) -> None:
    best = float("inf")
    for _ in range(ROUNDS):
        first = machine.sessions.by_id[1].replies.last_serial + 1
        entries = make(first)
        index = machine.revision
        apply = machine.apply
        began = time.perf_counter()
        for data in entries:
            index += 1
            apply(index, STAMP_MS + index, data)
        best = min(best, (time.perf_counter() - began) / len(entries))
    print(f"{name:<34}{best * 1e6:8.2f} us per entry")


def run_hot() -> None:
    machine = opened()
    for n in range(1, 1001):
        machine.apply(n + 1, STAMP_MS, create(n, f"/k{n:04d}"))
    value = b"y" * 100
    measure(
        "set",
        machine,
        lambda first: [
            entry(s, ops.SET, f"/k{s % 1000 + 1:04d}", value, -1, [])
            for s in range(first, first + 20_000)
        ],
    )
    measure(
        "create, delete",
        machine,
        lambda first: [
            create(s, "/k0001/x")
            if (s - first) % 2 == 0
            else entry(s, ops.DELETE, "/k0001/x", -1, False, [])
            for s in range(first, first + 20_000)
        ],
    )
    measure(
        "create ephemeral, delete",
        machine,
        lambda first: [
            create(s, "/k0001/x", ops.EPHEMERAL)
            if (s - first) % 2 == 0
            else entry(s, ops.DELETE, "/k0001/x", -1, False, [])
            for s in range(first, first + 20_000)
        ],
    )

    def cycles(first: int) -> list[bytes]:
        base = machine.revision + 1 - first
        return [
            entry(s, ops.ACQUIRE, "/k0001", False, True, 0, "")
            if (s - first) % 2 == 0
            else entry(s, ops.RELEASE, "/k0001", s - 1 + base)
            for s in range(first, first + 20_000)
        ]

    measure("acquire, release", machine, cycles)
    assert not machine.locks.by_path
    measure(
        "transaction of check and set",
        machine,
        lambda first: [
            entry(
                s,
                ops.TXN,
                [],
                [[ops.CHECK_VERSION, "/k0002", -1], [ops.SET, "/k0003", value, -1, []]],
                [],
            )
            for s in range(first, first + 10_000)
        ],
    )


def memory_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def run_large(count: int) -> None:
    machine = opened()
    gc.disable()
    for n in range(count // 1000):
        machine.apply(machine.revision + 1, STAMP_MS, create(n + 1, f"/app{n:05d}"))
    before = memory_kib()
    serial = machine.sessions.by_id[1].replies.last_serial
    for n in range(count):
        serial += 1
        path = f"/app{n % (count // 1000):05d}/node{n:07d}"
        machine.apply(machine.revision + 1, STAMP_MS + n, create(serial, path))
    each = (memory_kib() - before) * 1024 / count
    print(f"memory of {count} nodes of 100 bytes: {each:.0f} bytes each")
    value = b"y" * 100
    measure(
        "set, random node of all",
        machine,
        lambda first: [
            entry(
                s,
                ops.SET,
                f"/app{(s * 7919) % (count // 1000):05d}/node{(s * 7919) % count:07d}",
                value,
                -1,
                [],
            )
            for s in range(first, first + 20_000)
        ],
    )
    before = memory_kib()
    began = time.perf_counter()
    capture = machine.capture()
    print(f"capture begins in {(time.perf_counter() - began) * 1e3:.1f} ms")
    chunks, slices = [], []
    while True:
        began = time.perf_counter()
        chunk = capture.next_chunk()
        slices.append(time.perf_counter() - began)
        if chunk is None:
            break
        chunks.append(chunk)
    slices.sort()
    print(
        f"snapshot: {sum(slices):.2f} s in {len(slices)} slices, "
        f"p50 {slices[len(slices) // 2] * 1e3:.2f} ms, max {slices[-1] * 1e3:.2f} ms, "
        f"{sum(map(len, chunks)) / 1e6:.0f} MB"
    )
    began = time.perf_counter()
    restored = StateMachine.restore(chunks)
    print(f"restore: {time.perf_counter() - began:.2f} s, {len(restored.tree)} nodes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=0)
    options = parser.parse_args()
    gc.freeze()
    gc.set_threshold(50_000)  # as the server does
    run_hot()
    if options.nodes:
        run_large(options.nodes)
