"""Random walks of a whole cluster: loss, reordering, duplicates, crashes, snapshots, changes.

The cluster itself checks election safety, leader completeness and state-machine safety at every
step; log matching is checked here, and that a healed cluster goes on working.
"""

from __future__ import annotations

import random

import pytest

from coordsvc.raft.messages import Heartbeat
from coordsvc.raft.node import RaftSettings, Role
from tests.scripts.raft_cluster import Cluster, Member, cluster_of

STEPS = 1_200


class Walk:
    """One cluster and the dice."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        names = tuple(f"n{i + 1}" for i in range(self.dice.choice([1, 3, 3, 4, 5])))
        learners = self.dice.choice([(), ("n6",)])
        settings = RaftSettings(lease_reads=self.dice.random() < 0.3)
        self.cluster = cluster_of(*names, learners=learners, chance=self.dice, settings=settings)
        self.serial = 0
        self.asked: dict[int, int] = {}
        """What was decided when each read was asked for."""
        self.loss = self.dice.choice([0.0, 0.02, 0.2])
        self.snapshots: list[tuple[str, str]] = []

    def run(self) -> None:
        cluster = self.cluster
        for _ in range(STEPS):
            self.dice.choices(
                [
                    self.pass_time, self.take, self.sync, self.carry, self.propose, self.read,
                    self.crash, self.restart, self.repeat, self.compact, self.carry_snapshot,
                    self.change, self.transfer, self.cut, self.break_link,
                ],
                [8, 30, 25, 60, 8, 4, 0.5, 2, 3, 1, 4, 0.7, 0.5, 0.5, 1],
            )[0]()  # fmt: skip
        self.check_reads()
        self.heal()
        match_logs(cluster)

    def one(self) -> Member | None:
        return self.dice.choice(self.cluster.living() or [None])

    def leader(self) -> Member | None:
        leading = [m for m in self.cluster.living() if m.node.role is Role.LEADER]
        return self.dice.choice(leading or [None])

    def pass_time(self) -> None:
        cluster, member = self.cluster, self.one()
        cluster.now += self.dice.choice([1, 20, 100, 400])
        if member and cluster.now >= member.node.deadline():
            member.node.wake(cluster.now)

    def take(self) -> None:
        if member := self.one():
            self.cluster.take(member)

    def sync(self) -> None:
        if member := self.one():
            member.sync()

    def carry(self) -> None:
        network = self.cluster.network
        if not network:
            return
        at = 0 if self.dice.random() < 0.8 else self.dice.randrange(len(network))
        if self.dice.random() < self.loss:
            network.pop(at)
            return
        _, receiver, message = network[at]
        self.cluster.deliver(at)
        if type(message) is Heartbeat and self.dice.random() < 0.5:
            self.reply_ahead(receiver)

    def reply_ahead(self, name: str) -> None:
        """Let what need not wait for a turn leave without one, as answers to heartbeats do."""
        member = self.cluster.members.get(name)
        if member is not None and member.up:
            self.cluster.send(name, member.node.take_replies())

    def repeat(self) -> None:
        if network := self.cluster.network:
            network.append(self.dice.choice(network))

    def propose(self) -> None:
        if member := self.one():
            commands = [b"%d" % (self.serial + i) for i in range(self.dice.randrange(1, 4))]
            self.serial += len(commands)
            member.node.propose(commands, self.cluster.now, self.cluster.now)

    def read(self) -> None:
        if member := self.one():
            token = len(self.asked)
            self.asked[token] = max(self.cluster.decided, default=0)
            member.node.read(token, self.cluster.now)

    def crash(self) -> None:
        if member := self.one():
            self.cluster.crash(member.name)
            for other in self.cluster.living():
                if self.dice.random() < 0.7:
                    other.node.link_lost(member.name, self.cluster.now)

    def restart(self) -> None:
        for member in self.cluster.members.values():
            if not member.up:
                self.note_reads(member)
                member.start()
                for other in self.cluster.living():
                    other.node.link_made(member.name, self.cluster.now)

    def break_link(self) -> None:
        one, two = self.one(), self.one()
        if one and two and one is not two:
            one.node.link_lost(two.name, self.cluster.now)
            two.node.link_lost(one.name, self.cluster.now)
            one.node.link_made(two.name, self.cluster.now)

    def compact(self) -> None:
        if member := self.one():
            member.take_snapshot()

    def carry_snapshot(self) -> None:
        leader = self.leader()
        if leader is None:
            return
        for name, view in leader.node.peers().items():
            peer = self.cluster.members[name]
            if view.flow == "snapshot" and peer.up:
                if self.dice.random() < 0.3:
                    leader.node.snapshot_sent(name, 0, False, self.cluster.now)
                else:
                    self.cluster.take(peer)
                    self.cluster.transport_snapshot(leader.name, name)

    def change(self) -> None:
        if leader := self.leader():
            names = sorted(self.cluster.members)
            voters = self.dice.sample(names, self.dice.randrange(1, len(names) + 1))
            rest = [name for name in names if name not in voters]
            learners = rest[: self.dice.randrange(0, len(rest) + 1)]
            leader.node.propose_membership(
                voters=voters, learners=learners, stamp_ms=0, now=self.cluster.now
            )

    def transfer(self) -> None:
        if leader := self.leader():
            leader.node.transfer_to(self.dice.choice(list(self.cluster.members)), self.cluster.now)

    def cut(self) -> None:
        if self.cluster.cut:
            self.cluster.cut.clear()
        elif member := self.one():
            self.cluster.partition(member.name)

    def note_reads(self, member: Member) -> None:
        for token, index in member.reads:
            assert index >= self.asked[token], f"read {token} at {index} is stale"

    def check_reads(self) -> None:
        for member in self.cluster.members.values():
            self.note_reads(member)

    def heal(self) -> None:
        """Everything is well again: a leader comes, all members agree, a write goes through."""
        cluster = self.cluster
        cluster.cut.clear()
        self.restart()
        for _ in range(400):
            cluster.now += 50
            for member in cluster.living():
                if cluster.now >= member.node.deadline():
                    member.node.wake(cluster.now)
            cluster.settle()
            self.carry_snapshot()
        leader = max(cluster.living(), key=lambda m: (m.node.role is Role.LEADER, m.node.term))
        assert leader.node.role is Role.LEADER, "no leader came"
        assert leader.node.propose([b"last"], 0, cluster.now), "it takes no proposals"
        cluster.settle()
        assert not leader.node.membership.voters_old, "a change did not end"
        for name in leader.node.membership.voters + leader.node.membership.learners:
            assert cluster.members[name].state == leader.state, f"{name} fell behind"
        assert leader.state[-1] == b"last"


def match_logs(cluster: Cluster) -> None:
    """Where two logs have the same term at an index, they are the same up to there."""
    members = list(cluster.members.values())
    for one in members:
        for two in members:
            first = max(one.node.first_index, two.node.first_index)
            last = min(one.node.last_index, two.node.last_index)
            while last >= first and one.node.term_at(last) != two.node.term_at(last):
                last -= 1
            if last >= first:
                assert one.node.entries(first, last) == two.node.entries(first, last)


@pytest.mark.parametrize("seed", range(60))
def test_a_cluster_under_faults_keeps_every_promise_and_recovers(seed: int) -> None:
    Walk(seed).run()
