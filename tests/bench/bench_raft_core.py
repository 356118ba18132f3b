"""What the Raft core costs per entry: a leader and two followers in one process, no I/O.

    python tests/bench/bench_raft_core.py [batch ...]

Budget: under 1 µs per entry on the leader at batches of 64.
"""

from __future__ import annotations

import random
import sys
from time import perf_counter_ns

from coordsvc.base.ports import SilentLogger
from coordsvc.raft.messages import HardState, Membership, SnapshotMeta
from coordsvc.raft.node import RaftNode, RaftSettings, RecoveredRaft
from coordsvc.raft.ready import Ready

NAMES = ("n1", "n2", "n3")
ENTRIES = 200_000
KEPT = 20_000


def make(name: str) -> RaftNode:
    recovered = RecoveredRaft(HardState(0, None), SnapshotMeta(0, 0, Membership(NAMES)), [])
    chance = random.Random(1)
    return RaftNode(name, RaftSettings(), recovered, chance=chance, log=SilentLogger(), now=0)


def finish(node: RaftNode, ready: Ready) -> None:
    """Let the write reach the disk at once."""
    if ready.entries:
        last = ready.first_index + len(ready.entries) - 1
        node.persisted(last, ready.entries[-1].term, 0)


class Bench:
    """Carries messages between the leader and its followers, and counts time per side."""

    def __init__(self) -> None:
        self.nodes = {name: make(name) for name in NAMES}
        self.leader = self.nodes["n1"]
        self.leader.wake(5_000)
        self.leader_ns = self.follower_ns = 0
        for _ in range(8):
            self.turn([])

    def turn(self, commands: list[bytes]) -> None:
        leader, start = self.leader, perf_counter_ns()
        if commands:
            leader.propose(commands, 1, 0)
        ready = leader.ready()
        finish(leader, ready)
        between = perf_counter_ns()
        answers = [
            (name, reply)
            for name in NAMES[1:]
            for reply in self.receive(
                name, [m for to, m in ready.send_now + ready.send_after_sync if to == name]
            )
        ]
        after = perf_counter_ns()
        for name, reply in answers:
            leader.step(name, reply, 0)
        self.leader_ns += between - start + perf_counter_ns() - after
        self.follower_ns += after - between

    def receive(self, name: str, messages: list) -> list:
        node = self.nodes[name]
        for message in messages:
            node.step("n1", message, 0)
        ready = node.ready()
        finish(node, ready)
        return [message for _, message in ready.send_now + ready.send_after_sync]

    def run(self, batch: int) -> None:
        commands = [b"x" * 100] * batch
        self.leader_ns = self.follower_ns = 0
        turns = min(ENTRIES // batch, 20_000)
        for turn in range(turns):
            self.turn(commands)
            if turn * batch % KEPT < batch and turn:
                for node in self.nodes.values():
                    node.compact(node.snapshot_meta(node.commit))
        count = turns * batch
        leader, follower = self.leader_ns / count, self.follower_ns / count / 2
        print(f"batch {batch:5}: leader {leader:7.0f} ns, follower {follower:7.0f} ns per entry")
        assert self.leader.commit >= count


if __name__ == "__main__":
    for size in map(int, sys.argv[1:] or ["1", "16", "64", "256", "1024"]):
        Bench().run(size)
