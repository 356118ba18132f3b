"""A real cluster for tests: node processes on free loopback ports, ended by their own pids."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from coordsvc.cli.localcluster import HOST, PAUSED, RUNNING, STOPPED, LocalNode, NodePlan
from tests.ports import free_ports

READY_S = 20.0


def member_text(plan: NodePlan) -> str:
    """Return a node in the syntax of the option `members`."""
    return f"{plan.name}={HOST}:{plan.peer_port}/{plan.client_port}/{plan.http_port}"


class Cluster:
    """Nodes n1, n2, ... in folders below `folder`. Use as a context manager."""

    headers: ClassVar = {"content-type": "application/json"}
    """Of each request over HTTP."""

    def __init__(
        self, folder: Path, *, nodes: int = 3, options: tuple[str, ...] = (), name: str = "test"
    ) -> None:
        ports = iter(free_ports(3 * nodes))
        self.folder = folder
        self.options = options
        self.name = name
        self.plans = [
            NodePlan(f"n{i + 1}", folder / f"n{i + 1}", next(ports), next(ports), next(ports))
            for i in range(nodes)
        ]
        members = ",".join(map(member_text, self.plans))
        self.nodes = {plan.name: self._node(plan, "--members", members) for plan in self.plans}

    def _node(self, plan: NodePlan, *options: str) -> LocalNode:
        return LocalNode(
            plan,
            [
                *("--node", plan.name, "--data-dir", str(plan.folder), "--cluster", self.name),
                *("--client-address", plan.client_address),
                *("--peer-address", f"{HOST}:{plan.peer_port}"),
                *("--http-address", plan.http_address),
                *("--log-format", "json", *options, *self.options),
            ],
        )

    def join(self, name: str) -> str:
        """Start a node that waits to be added; return how to write it in `members add`."""
        members = ",".join(map(member_text, self.plans))
        ports = iter(free_ports(3))
        plan = NodePlan(name, self.folder / name, next(ports), next(ports), next(ports))
        self.plans.append(plan)
        self.nodes[name] = self._node(plan, "--members", members, "--join")
        self.nodes[name].start()
        return member_text(plan)

    def drop(self, name: str) -> None:
        """End a node that was removed, for good."""
        if self.nodes[name].state == RUNNING:
            self.terminate(name)
        del self.nodes[name]
        self.plans = [plan for plan in self.plans if plan.name != name]

    @property
    def endpoints(self) -> str:
        """Where clients connect, as a URL of the client library."""
        return "coord://" + ",".join(plan.client_address for plan in self.plans)

    def start(self) -> None:
        """Start every node and wait until one leads."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for node in self.nodes.values():
            node.start()
        self.leader()

    def stop(self) -> None:
        """End every node."""
        for node in self.nodes.values():
            node.send(signal.SIGTERM)
            node.send(signal.SIGCONT)
        until = time.monotonic() + 5
        for node in self.nodes.values():
            node.wait(until)
            node.state = STOPPED

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def http(self, name: str, path: str, *, method: str = "GET", body: object = None) -> object:
        """Return the JSON answer of one node; None if it does not answer."""
        connection = http.client.HTTPConnection(self.nodes[name].plan.http_address, timeout=2)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, self.headers)
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def leader(self) -> str:
        """Wait until the running nodes agree on a running leader; return its name."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            running = [name for name, node in self.nodes.items() if node.state == RUNNING]
            views = [self.http(name, "/v1/cluster") for name in running]
            leaders = {view.get("leader") for view in views if isinstance(view, dict)}
            if len(leaders) == 1 and None not in views:
                (leader,) = leaders
                if leader in running:
                    return str(leader)
            time.sleep(0.05)
        raise AssertionError(f"no leader within {READY_S} s:\n{self.logs()}")

    async def wait_leader(self) -> str:
        """Await what `leader` waits for."""
        return await asyncio.to_thread(self.leader)

    def kill(self, name: str) -> None:
        """End a node as a crash would."""
        node = self.nodes[name]
        node.send(signal.SIGKILL)
        node.wait(time.monotonic() + 5)
        node.state = STOPPED

    def restart(self, name: str) -> None:
        """Start a node that was killed or stopped."""
        self.nodes[name].start()

    def pause(self, name: str) -> None:
        """Stop a node's process without ending it."""
        self.nodes[name].send(signal.SIGSTOP)
        self.nodes[name].state = PAUSED

    def resume(self, name: str) -> None:
        """Let a paused node go on."""
        self.nodes[name].send(signal.SIGCONT)
        self.nodes[name].state = RUNNING

    def terminate(self, name: str) -> int:
        """Ask a node to end; return its exit code."""
        node = self.nodes[name]
        node.send(signal.SIGTERM)
        node.wait(time.monotonic() + 10)
        node.state = STOPPED
        process = node._process
        assert process is not None
        return process.returncode

    def logs(self) -> str:
        """Return the last lines every node logged."""
        return "\n".join(
            f"--- {plan.name}\n" + "\n".join(plan.log_path.read_text().splitlines()[-15:])
            for plan in self.plans
            if plan.log_path.exists()
        )
