"""A client of version 1 and what a server of its time answered: `python -m tests.samples.native`.

The bytes that were sent are kept as they were, with the answers decoded. Any later server must
answer the same bytes with the same codes, and with values of which the old fields stand where
they stood: arrays grow at their ends only.
"""

from __future__ import annotations

import socket
import struct
import sys
import tempfile
from pathlib import Path

import msgpack

from tests.integration.cluster import Cluster
from tests.samples.make import FOLDER, write
from tests.samples.views import plain

WAIT_S = 10.0
LINEARIZABLE, SEQUENTIAL, STALE = range(3)


def requests():
    """Return what the client sends behind its greeting: [op, serial, ...]."""
    mutations = [
        [1, "/n", b"data", 0, False, False, 0, []],
        [1, "/n", b"", 0, False, False, 0, []],
        [1, "/deep/seq-", None, 1, True, True, 0, []],
        [2, "/p", b"v", False, []],
        [3, "/n", b"more", 0, []],
        [3, "/n", b"", 9, []],
        [5, [[17, "/n", True]], [[3, "/n", b"txn", -1, []]], []],
        [6, "/lock", False, True, 0, "note"],
        [6, "/lock", False, True, 0, "waits"],
        [8, "/nolock", "x"],
        [4, "/p", -1, False, []],
        [77, "no such operation"],
    ]
    reads = [
        [32, "/n"],
        [32, "/absent"],
        [33, "/n"],
        [34, "/", 10, None, 0, True],
        [35, "/n", 2, 0, True],
        [37],
        [38, "/lock"],
        [39, "/", 10, None],
        [42, 10, 0],
        [43],
    ]
    serial = 0
    for op, *arguments in mutations:
        serial += 1
        yield [op, serial, serial, *arguments]
    for op, *arguments in reads:
        serial += 1
        yield [op, serial, LINEARIZABLE, 0, *arguments]
    serial += 1
    yield [36, serial, STALE, 0, serial - 6]  # unwatch
    serial += 1
    yield [9, serial, serial]  # close


def frames():
    """Yield the serial that each frame is answered under, and the frame."""
    hello = [0, "coordsvc", [1], 0, b"0123456789abcdef", 10_000, 0, "sample of version 1"]
    for value in (hello, *requests()):
        body = msgpack.packb(value, use_bin_type=True)
        yield (0 if value is hello else value[1]), struct.pack(">I", len(body)) + body


def answers(address, sent):
    """Send each frame of `sent`, (serial, bytes), in turn; yield the answer to it."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as connection:
        with connection.makefile("rb") as received:
            for serial, frame in sent:
                connection.sendall(frame)
                answer = None
                while answer is None:
                    size = int.from_bytes(received.read(4), "big")
                    got = msgpack.unpackb(received.read(size), raw=False)
                    # Welcome is number 0, as the greeting's serial; goodbye ends everything.
                    answer = next((each for each in got if each[0] in (serial, -5)), None)
                yield answer


def main(name):
    """Write native.json beside the other samples of a version."""
    sent = list(frames())
    with tempfile.TemporaryDirectory() as folder, Cluster(Path(folder), nodes=1) as cluster:
        got = list(answers(cluster.plans[0].client_address, sent))
    rows = [
        {"serial": serial, "frame": frame.hex(), "answer": plain(answer)}
        for (serial, frame), answer in zip(sent, got, strict=True)
    ]
    write(FOLDER / name / "native.json", rows)


if __name__ == "__main__":
    main(sys.argv[1])
