"""`coordctl import zookeeper`: copy a tree from a running ZooKeeper."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import ClassVar, Final

import click

from coordsvc.cli import exits, output
from coordsvc.cli.lazy import LazyGroup
from coordsvc.cli.migration.following import Runner
from coordsvc.cli.migration.mirror import SPECIAL, Mirror
from coordsvc.cli.migration.nodes import stats_of
from coordsvc.cli.migration.report import Report
from coordsvc.cli.migration.target import ensure_parents
from coordsvc.cli.migration.zkclient import Credentials, ZkClient, ZkDenied, ZkGone
from coordsvc.cli.shared import Failure, Shared, parameters, shared
from coordsvc.protocols.zookeeper import numbers
from coordsvc_client.dialing import host_and_port

CLIENT_PORT: Final = 2181
PROGRESS_S: Final = 1.0
SEQUENCES_MAX: Final = 100_000
PATIENCE_S: Final = 10.0


class Sources(LazyGroup):
    """Whence a tree can be imported."""

    places: ClassVar[Mapping[str, tuple[str, str]]] = {
        "zookeeper": (f"{__name__}:zookeeper", "Copy a tree from a running ZooKeeper."),
    }


@click.group("import", cls=Sources)
def import_() -> None:
    """Take over a tree from another service while it runs."""


def _credentials_of(texts: tuple[str, ...], option: str) -> list[Credentials]:
    found: list[Credentials] = []
    for text in texts:
        scheme, colon, secret = text.partition(":")
        if not colon or not scheme:
            raise click.UsageError(f"{option}: give SCHEME:SECRET, such as digest:user:password")
        found.append(Credentials(scheme, secret.encode()))
    return found


def _servers_of(text: str) -> tuple[list[tuple[str, int]], str]:
    """Read `host[:port],...[/path]`; return the servers and the path, empty if there is none."""
    hosts, slash, rest = text.partition("/")
    servers: list[tuple[str, int]] = []
    for part in hosts.split(","):
        place = part.strip()
        has_port = ":" in place.rpartition("]")[2] if "]" in place else ":" in place
        try:
            servers.append(host_and_port(place if has_port else f"{place}:{CLIENT_PORT}"))
        except ValueError as error:
            raise click.UsageError(f"HOSTS: {error}") from None
    return servers, (slash + rest).rstrip("/")


def _path_of(text: str, what: str) -> str:
    path = text.rstrip("/") or "/"
    if not path.startswith("/") or "//" in path:
        raise click.UsageError(f"{what}: {text!r} is not a path")
    if path == SPECIAL or path.startswith(f"{SPECIAL}/"):
        raise click.UsageError(f"{what}: what is below {SPECIAL} belongs to the service itself")
    return path


@click.command(params=parameters())
@click.argument("hosts")
@click.argument("path")
@click.option("--to", metavar="PATH", help="Where to put it.  [default: the same path]")
@click.option(
    "--auth",
    multiple=True,
    metavar="SCHEME:SECRET",
    help="Credentials at the source, such as digest:user:password; several may be given.",
)
@click.option(
    "--to-auth", multiple=True, metavar="SCHEME:SECRET", help="Credentials here.  [default: --auth]"
)
@click.option("--dry-run", is_flag=True, help="Read and compare; write nothing.")
@click.option("--follow", is_flag=True, help="Carry changes too, until interrupted.")
@click.option("--prune", is_flag=True, help="Delete what is only at the target.")
@click.option(
    "--sequences-max",
    type=click.IntRange(0),
    default=SEQUENCES_MAX,
    show_default=True,
    help="Raise sequence numbers at most to this.",
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as JSON."
)
def zookeeper(
    hosts: str,
    path: str,
    *,
    to: str | None,
    auth: tuple[str, ...],
    to_auth: tuple[str, ...],
    dry_run: bool,
    follow: bool,
    prune: bool,
    sequences_max: int,
    report: Path | None,
) -> None:
    """Copy the tree at PATH, with its access rules, from the ZooKeeper at HOSTS.

    What is here already and equal is left alone, so an interrupted copy goes on when it is
    started again. With --follow, changes are carried until Ctrl-C; the last thing done then is to
    compare everything once more. Exit code 1 if something could not be read or written.

    coordctl import zookeeper zk1:2181,zk2:2181 /app --follow --report app.json
    """
    options = shared()
    servers, root = _servers_of(hosts)
    top = _path_of(f"{root}{_path_of(path, 'PATH')}" if root else path, "PATH")
    place = _path_of(to or top, "--to")
    here = [host_and_port(endpoint) for endpoint in options.endpoints]
    source = ZkClient(servers, _credentials_of(auth, "--auth"))
    target = ZkClient(here, _credentials_of(to_auth or auth, "--to-auth"))
    teller = _Teller(options)
    mirror = Mirror(
        source,
        target,
        top=top,
        to=place,
        dry=dry_run,
        progress=teller.progress,
        sequences_max=sequences_max,
    )
    teller.report = mirror.report
    runner = Runner(source, target, mirror, top=top, say=teller.say)
    try:
        _open(source, target, top, place, dry_run=dry_run)
        if follow and not dry_run:
            with _interruptible() as is_over:
                runner.follow(is_over)
        else:
            runner.repeat(mirror.sweep)
        runner.repeat(mirror.find_quotas)
        runner.repeat(lambda: mirror.find_extras(prune=prune and not dry_run))
        runner.repeat(mirror.carry_sequences)
    except ZkGone as error:
        text = f"{error}; what was copied stays: start again to go on"
        raise Failure(text, exits.UNREACHABLE) from None
    except ZkDenied as error:
        raise Failure(str(error), exits.DENIED) from None
    finally:
        source.end()
        target.end()
    _conclude(mirror.report, options, report)


def _open(source: ZkClient, target: ZkClient, top: str, place: str, *, dry_run: bool) -> None:
    """Connect to both, and make what stands above the place to copy to."""
    source.connect(PATIENCE_S)
    target.connect(PATIENCE_S)
    (stat,) = stats_of(source, [top])
    if stat == numbers.NO_NODE:
        raise Failure(f"{top}: no such node at the source", exits.NOT_FOUND)
    if not dry_run:
        ensure_parents(target, place)


@contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Have SIGINT and SIGTERM ask for an end, instead of being one."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Teller:
    """Tells a person how far it is, at most once a second."""

    def __init__(self, options: Shared) -> None:
        self._options = options
        self._told_at = time.monotonic()
        self.report = Report()

    def say(self, text: str) -> None:
        """Tell something at once."""
        self._options.say(f"{self._counts()}: {text}")

    def progress(self) -> None:
        """Tell the counts, if it is time."""
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_S:
            self._told_at = now
            self._options.say(self._counts())

    def _counts(self) -> str:
        done = self.report
        return (
            f"{done.read} read, {done.created} created, {done.changed} changed, "
            f"{done.deleted} deleted"
        )


def _conclude(report: Report, options: Shared, file: Path | None) -> None:
    """Print the report; fail if something was left that could have been carried."""
    if file is not None:
        file.write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n")
    if output.is_json(options.output):
        output.print_json(report.as_json())
    else:
        for line in report.lines():
            output.print_line(line)
    if report.failed:
        raise Failure("not everything could be carried", exits.OTHER)
