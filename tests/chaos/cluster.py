"""A cluster that can be hurt in more ways than a signal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from coordsvc.cli.localcluster import HOST, RUNNING, LocalNode, NodePlan
from tests.chaos.machinery import BadDisks, Clocks, MissingError, Network, SmallDisks
from tests.integration.cluster import Cluster
from tests.ports import free_ports

OPTIONS = ("--snapshot-every-entries", "2000", "--log-entries-kept", "500")
TOKEN = "a token of the run, for the admin pages"


@dataclass(frozen=True, slots=True)
class PlacedPlan(NodePlan):
    """A plan of a node that may be at an address of its own."""

    host: str = HOST

    @property
    def client_address(self) -> str:
        """Return where clients reach it."""
        return f"{self.host}:{self.client_port}"

    @property
    def http_address(self) -> str:
        """Return where its HTTP is reached."""
        return f"{self.host}:{self.http_port}"

    @property
    def peer_address(self) -> str:
        """Return where the other nodes reach it."""
        return f"{self.host}:{self.peer_port}"


class PlacedNode(LocalNode):
    """A node process within a namespace, on a bad disk."""

    def __init__(
        self, plan: NodePlan, arguments: list[str], prefix: list[str], variables: dict[str, str]
    ) -> None:
        super().__init__(plan, [*prefix, sys.executable, "-m", "coordsvc", "serve", *arguments])
        self._variables = variables

    def start(self) -> None:
        """Start the process, where it belongs."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
        with self.plan.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clean | self._variables,
                process_group=0,
            )
        self.state = RUNNING


class ChaosCluster(Cluster):
    """Nodes with whatever machinery this machine offers; `notices` says what is missing."""

    headers: ClassVar = Cluster.headers | {"authorization": f"Bearer {TOKEN}"}

    def __init__(self, folder: Path, *, nodes: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.notices: list[str] = []
        names = [f"n{i + 1}" for i in range(nodes)]
        self.network: Network | None = None
        self.small_disks: SmallDisks | None = None
        self.bad_disks: BadDisks | None = None
        self.clocks: Clocks | None = None
        with self._noticing():
            self.network = Network(names)
        with self._noticing():
            self.small_disks = SmallDisks(folder / "disks", names)
        with self._noticing():
            self.bad_disks = BadDisks(folder, names)
        with self._noticing():
            self.clocks = Clocks(folder, names)
        self._place(names)

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        try:
            yield
        except MissingError as error:
            self.notices.append(str(error))

    def _place(self, names: list[str]) -> None:
        hosts = {} if self.network is None else self.network.addresses
        ports = iter(free_ports(3 * len(names)))
        self.plans = [
            PlacedPlan(
                name,
                self.folder / name,
                next(ports),
                next(ports),
                next(ports),
                hosts.get(name, HOST),
            )
            for name in names
        ]
        members = ",".join(
            f"{p.name}={p.peer_address}/{p.client_port}/{p.http_port}" for p in self.plans
        )
        token = self.folder / "token"
        token.write_text(TOKEN)
        common = ["--members", members, "--cluster", "chaos", "--log-format", "json", *OPTIONS]
        common += ["--admin-token-file", str(token)]
        if self.network is not None:
            common.append("--insecure")
        self.nodes = {p.name: self._node(p, common) for p in self.plans}

    def _node(self, plan: PlacedPlan, common: list[str]) -> LocalNode:
        name = plan.name
        arguments = [
            *("--node", name, "--data-dir", str(self.data_of(name))),
            *("--client-address", plan.client_address),
            *("--peer-address", plan.peer_address),
            *("--http-address", plan.http_address),
            *common,
        ]
        prefix = [] if self.network is None else self.network.prefix(name)
        return PlacedNode(plan, arguments, prefix, self._variables_of(name))

    def data_of(self, name: str) -> Path:
        """Return the data folder of a node."""
        disks = self.small_disks
        return self.folder / name if disks is None else disks.folder_of(name)

    def _variables_of(self, name: str) -> dict[str, str]:
        preloading = [part for part in (self.bad_disks, self.clocks) if part is not None]
        variables: dict[str, str] = {}
        libraries = []
        for part in preloading:
            wanted = part.environment(name)
            libraries.append(wanted.pop("LD_PRELOAD"))
            variables |= wanted
        return variables | ({"LD_PRELOAD": ":".join(libraries)} if libraries else {})

    @property
    def addresses(self) -> dict[str, str]:
        """Where clients reach each node."""
        return {plan.name: plan.client_address for plan in self.plans}

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self._dismantle()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, at)
        self._dismantle()

    def _dismantle(self) -> None:
        for part in (self.network, self.small_disks):
            if part is not None:
                part.close()
