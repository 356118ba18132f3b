"""What the tests with real clients run against: three nodes of ours, or three real ZooKeepers."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from tests.integration.cluster import Cluster
from tests.zookeeper import reference
from tests.zookeeper.script import Address


class Service(Protocol):
    """Three servers, of which the one that leads can be killed."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None: ...

    def addresses(self) -> list[Address]:
        """Return where clients connect: first the leader, then the others."""

    def kill_leader(self) -> None:
        """End the leader as a crash would."""

    def restore(self) -> None:
        """Start what was killed and wait until all serve."""


def hosts(addresses: list[Address]) -> str:
    """Return addresses as clients want them."""
    return ",".join(f"{host}:{port}" for host, port in addresses)


def options(folder: Path) -> tuple[str, ...]:
    """Return what makes our nodes like the ZooKeeper whose answers were recorded.

    The users that SASL knows are written into `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = folder / "jaas.conf"
    users.write_text(reference.jaas())
    return (
        *("--zookeeper-timeout-min-ms", "1000", "--zookeeper-timeout-max-ms", "10000"),
        *("--zookeeper-super-digest", reference.super_digest()),
        *("--zookeeper-words", "*", "--sasl-users-file", str(users)),
    )


class Ours:
    """Three nodes of ours."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder, options=options(folder))
        self._killed: list[str] = []

    def __enter__(self) -> Self:
        self.cluster.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.cluster.stop()

    def addresses(self) -> list[Address]:
        leader = self.cluster.leader()
        plans = sorted(self.cluster.plans, key=lambda plan: plan.name != leader)
        return [("127.0.0.1", plan.client_port) for plan in plans]

    def kill_leader(self) -> None:
        leader = self.cluster.leader()
        self.cluster.kill(leader)
        self._killed.append(leader)

    def restore(self) -> None:
        while self._killed:
            self.cluster.restart(self._killed.pop())
        self.cluster.leader()


class Theirs:
    """Three ZooKeepers: what a test expects of us, it expects of them."""

    def __init__(self, folder: Path) -> None:
        self.ensemble = reference.Reference(folder, servers=3)

    def __enter__(self) -> Self:
        self.ensemble.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.ensemble.stop()

    def addresses(self) -> list[Address]:
        modes = {address: reference.mode(address) for address in self.ensemble.addresses}
        return sorted(modes, key=lambda address: modes[address] != "leader")

    def kill_leader(self) -> None:
        self.ensemble.kill(self.addresses()[0])

    def restore(self) -> None:
        self.ensemble.start()
