"""`coordsvc dev`: a cluster on this machine, ready in about a second; and ways to break it."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import click

from coordsvc.cli import localcluster
from coordsvc.cli.localcluster import DevError, LocalCluster
from coordsvc_client.blocking import BlockingError, Connection, clock_ms
from coordsvc_client.dialing import DEFAULT_ENDPOINTS, ENDPOINTS_VARIABLE, host_and_port

NODES_MAX: Final = 9
READY_S: Final = 20.0
LOOK_S: Final = 0.2
"""How often to look whether a node has died."""
KNOCK_S: Final = 0.01
KNOCK_MS: Final = 20
SESSION_MS: Final = 2_000
LEADER_S: Final = 5.0

# Quick to find a leader, which suits one machine with nothing between the nodes.
TIMING: Final = ["--heartbeat-ms", "50", "--election-ms", "250"]


class _Stopped(BaseException):
    """SIGINT, SIGTERM or SIGHUP has come."""


@click.group(invoke_without_command=True)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".coordsvc"),
    show_default=True,
    help="Where the nodes keep their data and logs.",
)
@click.option("--fresh", is_flag=True, help="Start over with empty nodes.")
@click.option(
    "--nodes", type=click.IntRange(1, NODES_MAX), default=3, show_default=True, help="How many."
)
@click.option("--base-port-client", default=2181, show_default=True, help="Client port of n1.")
@click.option("--base-port-peer", default=2281, show_default=True, help="Peer port of n1.")
@click.option("--base-port-http", default=8181, show_default=True, help="HTTP port of n1.")
@click.option("--log-level", default="info", show_default=True, help="Of the nodes' logs.")
@click.pass_context
def dev(
    context: click.Context,
    *,
    data_dir: Path,
    fresh: bool,
    nodes: int,
    base_port_client: int,
    base_port_peer: int,
    base_port_http: int,
    log_level: str,
) -> None:
    """Run a cluster on this machine until Ctrl-C; or break the one that runs.

    kill, stop, pause, resume and restart take a node's name, or "leader".
    """
    context.obj = data_dir.absolute()
    if context.invoked_subcommand is not None:
        return
    plans = localcluster.plan(
        data_dir.absolute(),
        nodes=nodes,
        client_port=base_port_client,
        peer_port=base_port_peer,
        http_port=base_port_http,
    )
    cluster = LocalCluster(data_dir.absolute(), plans, [*TIMING, "--log-level", log_level])
    sys.exit(_run(cluster, shown_folder=data_dir, fresh=fresh))


def _run(cluster: LocalCluster, *, shown_folder: Path, fresh: bool) -> int:
    """Run `cluster` until a signal says stop; return the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    began = time.monotonic()
    code = 1
    try:
        kept = "fresh" if fresh else "kept; --fresh to start over"
        count = len(cluster.nodes)
        click.echo(f"coordsvc dev · {count} nodes · data in {_shown(shown_folder)} ({kept})")
        cluster.start(fresh=fresh)
        leader_address = _wait_until_ready(cluster)
        _announce(cluster, leader_address, time.monotonic() - began)
        _watch_over(cluster)
    except DevError as error:
        click.echo(f"coordsvc: {error}", err=True)
    except _Stopped:
        code = 0
    finally:
        _stop_cluster(cluster)
    return code


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped


def _stop_cluster(cluster: LocalCluster) -> None:
    """Stop every node; a second Ctrl-C kills them."""
    try:
        cluster.stop()
    except _Stopped:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        cluster.kill()


def _shown(folder: Path) -> str:
    return str(folder) if folder.is_absolute() else f"./{folder}"


def _wait_until_ready(cluster: LocalCluster) -> str:
    """Return the leader's address once the cluster has taken a write: a session's opening."""
    until = time.monotonic() + READY_S
    for node in cluster.nodes:
        while not _listens(node.plan.client_address):
            _refuse_the_dead(cluster)
            if time.monotonic() > until:
                raise DevError(f"{node.plan.name} does not listen; see {node.plan.log_path}")
            time.sleep(KNOCK_S)
    endpoints = [node.plan.client_address for node in cluster.nodes]
    with Connection(
        endpoints, name="coordsvc dev", timeout_ms=SESSION_MS, pause_ms_max=KNOCK_MS
    ) as connection:
        while connection.conversation.session <= 0:
            connection.turn(clock_ms() + round(LOOK_S * 1000))
            _refuse_the_dead(cluster)
            if time.monotonic() > until:
                raise DevError(f"no leader was found; see {cluster.nodes[0].plan.log_path}")
        return connection.conversation.leader_address


def _listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(host_and_port(address)) == 0


def _wait_until_back(folder: Path, name: str) -> None:
    """Return when a node that was started takes connections.

    Raises:
        DevError: it has ended, or does not in time.

    """
    until = time.monotonic() + READY_S
    while True:
        node = localcluster.node_in(localcluster.read_state(folder), name)
        if node["state"] != localcluster.RUNNING or time.monotonic() > until:
            log = folder / f"{name}.log"
            raise DevError(f"{name} is {node['state']} but takes no connections; see {log}")
        if _listens(node["client"]):
            return
        time.sleep(KNOCK_S)


def _refuse_the_dead(cluster: LocalCluster) -> None:
    for node, code in cluster.deaths():
        raise DevError(
            f"{node.plan.name} ended with exit code {code}: {node.last_words()}\n"
            f"its log is {node.plan.log_path}"
        )


def _announce(cluster: LocalCluster, leader_address: str, seconds: float) -> None:
    """Say where everything is; the last line says what to try."""
    places = [
        f"{node.plan.name}  {node.plan.client_address}"
        + ("  leader" if node.plan.client_address == leader_address else "")
        for node in cluster.nodes
    ]
    for start in range(0, len(places), 3):
        click.echo("  " + "    ".join(places[start : start + 3]))
    http = cluster.nodes[0].plan.http_address
    command = f"{_coordctl()} lock deploy{_endpoints_option(cluster)} -- echo it is mine"
    click.echo(f"ready in {seconds:.1f} s    http://{http}    try: {command}")


def _endpoints_option(cluster: LocalCluster) -> str:
    """Return what has coordctl find this cluster, if it would not by itself."""
    addresses = [node.plan.client_address for node in cluster.nodes]
    by_itself = os.environ.get(ENDPOINTS_VARIABLE) or DEFAULT_ENDPOINTS
    found = addresses[0] in by_itself.split(",")
    return "" if found else f" --endpoints {','.join(addresses)}"


def _coordctl() -> str:
    """Return how a person here calls coordctl: by its name if that finds it, else by its path."""
    beside = Path(sys.executable).parent / "coordctl"
    found = shutil.which("coordctl")
    if found and Path(found).resolve() == beside.resolve():
        return "coordctl"
    return os.path.relpath(beside)


def _watch_over(cluster: LocalCluster) -> None:
    """Report each death, and do what is asked through the pipe, for ever."""
    while True:
        select.select([cluster.control], [], [], LOOK_S)
        for action, node in cluster.requests():
            cluster.act(action, node)
            click.echo(f"{node.plan.name}: {action} · now {node.state}")
        for node, code in cluster.deaths():
            click.echo(
                f"{node.plan.name} ended with exit code {code}; see {node.plan.log_path}; "
                f"start it again: {_coordctl()} dev restart {node.plan.name}"
            )


def _leader_of(folder: Path) -> str:
    """Return the name of the node that leads the cluster in `folder`."""
    nodes = localcluster.read_state(folder)["nodes"]
    endpoints = [node["client"] for node in nodes if node["state"] == localcluster.RUNNING]
    until = time.monotonic() + LEADER_S
    while endpoints and time.monotonic() < until:
        with Connection(endpoints, with_session=False) as connection:
            connection.open(timeout_s=max(0.0, until - time.monotonic()))
            for node in nodes:
                if node["client"] == connection.conversation.leader_address:
                    return node["name"]
        time.sleep(KNOCK_S)
    raise DevError("there is no leader at present")


def _breaker(action: str, line: str) -> click.Command:
    """Return the command that has the running cluster do `action`."""

    def do(node: str) -> None:
        folder = click.get_current_context().find_object(Path)
        assert folder is not None, "the group has put it there"
        try:
            name = _leader_of(folder) if node == "leader" else node
            state = localcluster.ask(folder, action, name)
            if action == "restart":
                _wait_until_back(folder, name)
            click.echo(f"{name} is {state}")
        except (DevError, BlockingError) as error:
            raise click.ClickException(str(error)) from error

    return click.Command(
        action, callback=do, params=[click.Argument(["node"])], help=line, short_help=line
    )


for _action, _line in (
    ("kill", "Kill a node: SIGKILL, as if it had crashed."),
    ("stop", "Stop a node in order: SIGTERM."),
    ("pause", "Freeze a node: SIGSTOP, as if its machine hung."),
    ("resume", "Let a frozen node go on."),
    ("restart", "Start a node, after stopping it if it runs; return when it takes connections."),
):
    dev.add_command(_breaker(_action, _line))
