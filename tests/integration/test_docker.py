"""The image and docker-compose.yml with a real engine: `./dev test -m docker`.

Skipped where no engine answers. Takes the ports that docker-compose.yml publishes; the volumes
are of a project of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
COORDCTL = Path(sys.executable).parent / "coordctl"
PORTS = (2181, 2182, 2183, 8181, 8182, 8183)
NODES = ("n1", "n2", "n3")


def run(*command: object, check: bool = True) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment | {"COMPOSE_PROJECT_NAME": "coordsvc-test"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compose(*arguments: object) -> str:
    return run("docker", "compose", *arguments)


def coordctl(*arguments: object) -> str:
    """Ask as somebody on this machine does, outside the containers."""
    return run(COORDCTL, *arguments)


def container(node: str) -> str:
    return compose("ps", "--all", "--quiet", node).strip()


def inspect(node: str, form: str) -> str:
    return run("docker", "inspect", "--format", form, container(node)).strip()


def has_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return all(
        subprocess.run(["docker", *words], capture_output=True, check=False).returncode == 0
        for words in (["info"], ["compose", "version"])
    )


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def nodes() -> Iterator[None]:
    """Three containers, healthy."""
    if not has_engine():
        pytest.skip("no Docker engine with compose answers")
    if any(map(is_taken, PORTS)):
        pytest.skip(f"a port of {PORTS} is taken: does a cluster run here?")
    try:
        compose("up", "--detach", "--build", "--wait")
        yield
    finally:
        compose("down", "--volumes", "--timeout", "20")


def leader() -> str:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        name = run(COORDCTL, "--timeout", "2", "leader", check=False).strip()
        if name in NODES:
            return name
        time.sleep(0.1)
    raise AssertionError("no leader")


def test_what_is_written_outside_is_read_inside(nodes):
    coordctl("put", "/seen/outside", "1")
    for node in NODES:
        assert compose("exec", "-T", node, "coordctl", "get", "/seen/outside") == "1"
    compose("exec", "-T", "n2", "coordctl", "put", "/seen/inside", "2")
    assert coordctl("get", "/seen/inside") == "2"


def test_a_command_in_a_container_can_hold_a_lock(nodes):
    shell = "echo $COORDSVC_FENCE"
    first, second = (
        compose("exec", "-T", "n1", "coordctl", "lock", "job", "--", "sh", "-c", shell)
        for _ in range(2)
    )
    assert 0 < int(first) < int(second)


def test_leadership_is_handed_over_from_inside(nodes):
    target = next(node for node in NODES if node != leader())
    compose("exec", "-T", "n1", "coordctl", "leader", "transfer", target)
    until = time.monotonic() + 10
    while leader() != target:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_node_has_no_rights_it_does_not_need(nodes):
    assert compose("exec", "-T", "n1", "id", "-u") == "10001\n"
    status = compose("exec", "-T", "n1", "cat", "/proc/1/status")
    capabilities = [line.split()[1] for line in status.splitlines() if line.startswith("Cap")]
    assert len(capabilities) == 5
    assert all(int(each, 16) == 0 for each in capabilities)
    assert inspect("n1", "{{.HostConfig.ReadonlyRootfs}}") == "true"
    bindings = json.loads(inspect("n1", "{{json .HostConfig.PortBindings}}"))
    hosts = {each["HostIp"] for places in bindings.values() for each in places}
    assert hosts == {"127.0.0.1"}


def test_the_cluster_outlives_its_leader(nodes):
    coordctl("put", "/before", "kept")
    killed = leader()
    run("docker", "kill", container(killed))
    assert leader() != killed
    coordctl("put", "/during", "written by two")
    compose("up", "--detach", "--wait")
    rows = [json.loads(line) for line in coordctl("status", "-o", "jsonl").splitlines()]
    assert sorted(row["node"] for row in rows) == list(NODES)
    assert compose("exec", "-T", killed, "coordctl", "get", "/during") == "written by two"
    assert coordctl("get", "/before") == "kept"


def test_a_leader_that_hangs_is_replaced(nodes):
    hung = leader()
    run("docker", "pause", container(hung))
    try:
        others = ",".join(f"127.0.0.1:218{name[1]}" for name in NODES if name != hung)
        coordctl("--endpoints", others, "put", "/hung", "written by two")
    finally:
        run("docker", "unpause", container(hung))
    assert compose("exec", "-T", hung, "coordctl", "get", "/hung") == "written by two"
    # The engine could not ask it meanwhile, and takes it for ill until it has asked again.
    until = time.monotonic() + 30
    while inspect(hung, "{{.State.Health.Status}}") != "healthy":
        assert time.monotonic() < until
        time.sleep(0.2)


def test_the_data_outlives_the_containers(nodes):
    coordctl("put", "/durable", "yes")
    compose("stop")
    codes = {node: inspect(node, "{{.State.ExitCode}}") for node in NODES}
    assert codes == dict.fromkeys(NODES, "0"), "SIGTERM ends a node in order"
    compose("down")
    compose("up", "--detach", "--wait")
    assert coordctl("get", "/durable") == "yes"
