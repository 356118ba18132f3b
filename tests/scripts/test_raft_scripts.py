"""Raft's golden scripts, tests/scripts/raft/*.txt: each reads as a story, checked word by word."""

from __future__ import annotations

from pathlib import Path

import pytest

from coordsvc.raft.membership import Refusal
from coordsvc.raft.node import RaftSettings
from tests.scripts import golden
from tests.scripts.raft_cluster import Cluster, cluster_of, describe_entry, describe_membership

SCRIPTS = sorted((Path(__file__).parent / "raft").glob("*.txt"))


class Stage:
    """Carries out the commands of one script; each returns what happened, as trace lines."""

    cluster: Cluster

    def execute(self, line: str) -> list[str]:
        name, *words = line.split()
        options = dict(word.split("=", 1) for word in words if "=" in word)
        plain = [word for word in words if "=" not in word]
        method = getattr(self, f"do_{name}")
        printed = method(*plain, **options) or []
        if name == "cluster":
            return printed
        trace, self.cluster.trace = self.cluster.trace, []
        return printed + trace

    def node(self, name: str):
        return self.cluster.members[name].node

    def do_cluster(self, *names: str, learners: str = "", lease: str = "") -> None:
        """A fresh cluster of these voters."""
        settings = RaftSettings(lease_reads=bool(lease))
        group = tuple(filter(None, learners.split(",")))
        self.cluster = cluster_of(*names, learners=group, settings=settings)

    def do_join(self, name: str) -> None:
        """A node that knows nobody yet."""
        self.cluster.add(name, type(self.node("n1").membership)(()))

    def do_elect(self, name: str) -> None:
        """The node runs out of patience; everything settles."""
        self.cluster.elect(name)

    def do_wake(self, name: str) -> None:
        """Time goes on to the node's deadline; it acts; nothing is delivered."""
        self.cluster.now = max(self.cluster.now, self.node(name).deadline())
        self.node(name).wake(self.cluster.now)
        self.cluster.take(self.cluster.members[name])

    def do_pass(self, millis: str) -> None:
        """Time goes on; everybody who is due acts; everything settles."""
        self.cluster.now += int(millis)
        for member in self.cluster.living():
            if member.node.deadline() <= self.cluster.now:
                member.node.wake(self.cluster.now)
        self.cluster.settle()

    def do_settle(self) -> None:
        self.cluster.settle()

    def do_take(self, name: str) -> None:
        self.cluster.take(self.cluster.members[name])

    def do_sync(self, name: str) -> None:
        self.cluster.members[name].sync()

    def do_deliver(self, sender: str, receiver: str) -> None:
        """What is on its way from one node to another arrives."""
        arriving = [m for m in self.cluster.network if m[:2] == (sender, receiver)]
        self.cluster.network = [m for m in self.cluster.network if m[:2] != (sender, receiver)]
        for message in arriving:
            self.cluster.arrive(*message)
        self.cluster.take(self.cluster.members[receiver])

    def do_drop(self) -> None:
        """Everything that is on its way is lost."""
        self.cluster.network.clear()

    def do_propose(self, name: str, *commands: str) -> list[str]:
        proposed = self.node(name).propose(
            [command.encode() for command in commands], self.cluster.now, self.cluster.now
        )
        return [] if proposed else [f"{name} refuses"]

    def do_read(self, name: str, token: str) -> None:
        self.node(name).read(int(token), self.cluster.now)

    def do_change(self, name: str, voters: str, learners: str = "") -> list[str]:
        outcome = self.node(name).propose_membership(
            voters=list(filter(None, voters.split(","))),
            learners=list(filter(None, learners.split(","))),
            stamp_ms=self.cluster.now,
            now=self.cluster.now,
        )
        return [f"{name} refuses: {outcome.value}"] if isinstance(outcome, Refusal) else []

    def do_transfer(self, name: str, target: str) -> list[str]:
        done = self.node(name).transfer_to(target, self.cluster.now)
        return [] if done else [f"{name} refuses"]

    def do_cut(self, *names: str) -> None:
        self.cluster.partition(*names)

    def do_mend(self) -> None:
        self.cluster.cut.clear()

    def do_crash(self, name: str) -> None:
        self.cluster.crash(name)

    def do_restart(self, name: str) -> None:
        self.cluster.members[name].start()

    def do_lost(self, name: str, peer: str) -> None:
        self.node(name).link_lost(peer, self.cluster.now)

    def do_made(self, name: str, peer: str) -> None:
        self.node(name).link_made(peer, self.cluster.now)

    def do_compact(self, name: str) -> None:
        self.cluster.members[name].take_snapshot()

    def do_snapshot(self, sender: str, receiver: str) -> None:
        self.cluster.transport_snapshot(sender, receiver)

    def do_lease(self, name: str) -> list[str]:
        return [
            f"{name} lease {max(self.node(name).leader_lease_until() - self.cluster.now, 0)} ms"
        ]

    def do_show(self) -> list[str]:
        return [self.line(name) for name in sorted(self.cluster.members)]

    def line(self, name: str) -> str:
        node = self.node(name)
        entries = " ".join(map(describe_entry, node.entries(node.first_index, node.last_index)))
        role = f"{name}@{node.term} {node.role.value} of {node.leader or 'nobody'}"
        base = f"{node.first_index - 1}+" if node.first_index > 1 else ""
        members = describe_membership(node.membership) or "nobody"
        return f"{role} commit={node.commit} log={base}[{entries}] members {members}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_script_reads_as_written(path: Path) -> None:
    golden.check(path, Stage().execute)


def test_a_script_that_differs_is_noticed() -> None:
    text = "cluster n1\n---\nok\n\nshow\n---\nsomething else\n"
    played = golden.play(text, Stage().execute)
    assert played != text
    assert golden.play(played, Stage().execute) == played
