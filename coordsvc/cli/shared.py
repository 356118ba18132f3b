"""What all `coordctl` commands share: where the cluster is, how to print, how long to wait.

The options may stand before or after the name of the command; the later one counts.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

import click
from click.core import ParameterSource

from coordsvc.cli import exits
from coordsvc.cli.lazy import LazyGroup
from coordsvc.cli.output import FORMATS
from coordsvc_client.blocking import CallFailed, Connection, Unreachable
from coordsvc_client.dialing import DEFAULT_ENDPOINTS, ENDPOINTS_VARIABLE, host_and_port

T = TypeVar("T")

CLIENT_PORT: Final = 2181
HTTP_PORT_ABOVE: Final = 6_000
"""The HTTP port of a node, unless told otherwise, is its client port and so much."""
TIMEOUT_S: Final = 10.0
WRITE_SESSION_MS: Final = 5_000
_KEY: Final = "coordctl."


class Seconds(click.FloatRange):
    """A span of time, which has an end: neither `inf` nor `nan`, that Python reads too."""

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number of seconds that was given."""
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value} is no span of time", param, ctx)
        return seconds


class Failure(Exception):
    """The command did not do what it was asked: what to say of it, and its exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Shared:
    """The options that all commands have. Times in seconds."""

    endpoints: tuple[str, ...]
    http_endpoints: tuple[str, ...]
    output: str
    quiet: bool
    timeout_s: float

    def reader(self) -> Connection:
        """Return a connection without a session, which can only read."""
        return Connection(self.endpoints, with_session=False, name="coordctl")

    def writer(self, *, timeout_ms: int = WRITE_SESSION_MS, name: str = "coordctl") -> Connection:
        """Return a connection with a session."""
        return Connection(self.endpoints, timeout_ms=timeout_ms, name=name)

    def say(self, text: str) -> None:
        """Tell a person what was done, unless nobody wants to know."""
        if not self.quiet:
            click.echo(text, err=True)


def shared() -> Shared:
    """Return the options as given to the command that runs now."""
    meta = click.get_current_context().meta

    def take(name: str, kind: type[T], default: T) -> T:
        value: object = meta.get(_KEY + name)
        return value if isinstance(value, kind) else default

    endpoints = _endpoints_of(take("endpoints", str, DEFAULT_ENDPOINTS), default_port=CLIENT_PORT)
    http = take("http_endpoints", str, "")
    return Shared(
        endpoints=endpoints,
        http_endpoints=_endpoints_of(http, default_port=CLIENT_PORT + HTTP_PORT_ABOVE)
        if http
        else tuple(_http_beside(endpoint) for endpoint in endpoints),
        output=take("output", str, "text"),
        quiet=take("quiet", bool, default=False),
        timeout_s=take("timeout", float, TIMEOUT_S),
    )


def _endpoints_of(text: str, *, default_port: int) -> tuple[str, ...]:
    """Read `host[:port],...`; an address with a scheme is taken without it."""
    found: list[str] = []
    for part in text.removeprefix("coord://").removeprefix("http://").rstrip("/").split(","):
        place = part.strip()
        has_port = ":" in place.rpartition("]")[2] if "]" in place else ":" in place
        endpoint = place if has_port else f"{place}:{default_port}"
        try:
            host_and_port(endpoint)
        except ValueError as error:
            raise click.UsageError(f"endpoints: {error}") from None
        found.append(endpoint)
    return tuple(found)


def _http_beside(endpoint: str) -> str:
    host, port = host_and_port(endpoint)
    beside = port + HTTP_PORT_ABOVE
    return f"[{host}]:{beside}" if ":" in host else f"{host}:{beside}"


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    """Remember the value of a shared option, unless it was left out here.

    A variable is seen at both places of the option; it must not overrule a flag at the first.
    """
    assert parameter.name is not None, "every shared option has a name"
    key = _KEY + parameter.name
    from_flag = context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    if value is not None and (from_flag or key not in context.meta):
        context.meta[key] = value


def parameters() -> list[click.Parameter]:
    """Return the shared options, as parameters of one command."""
    return [
        _option(
            ["--endpoints"],
            metavar="HOST:PORT,...",
            envvar=ENDPOINTS_VARIABLE,
            help="Client addresses of the nodes.  [COORDSVC_ENDPOINTS; default: 127.0.0.1:2181-3]",
        ),
        _option(
            ["--http-endpoints"],
            metavar="HOST:PORT,...",
            envvar="COORDSVC_HTTP_ENDPOINTS",
            help="HTTP addresses of the nodes.  "
            "[COORDSVC_HTTP_ENDPOINTS; default: the client ports + 6000]",
        ),
        _option(
            ["-o", "--output"],
            kind=click.Choice(FORMATS),
            envvar="COORDSVC_OUTPUT",
            help="Form of what is printed.  [default: text]",
        ),
        _option(["-q", "--quiet"], flag=True, help="Print nothing but data."),
        _option(
            ["--timeout"],
            kind=Seconds(min=0.0, min_open=True),
            metavar="SECONDS",
            envvar="COORDSVC_TIMEOUT",
            help=f"How long to wait for an answer.  [default: {TIMEOUT_S:g}]",
        ),
    ]


def _option(
    names: list[str],
    *,
    help: str,  # noqa: A002 - click's word
    kind: click.Choice[str] | Seconds | None = None,
    metavar: str | None = None,
    envvar: str | None = None,
    flag: bool = False,
) -> click.Option:
    return click.Option(
        names,
        type=bool if flag else kind or str,
        is_flag=flag,
        default=None,
        flag_value=True if flag else None,
        metavar=metavar,
        envvar=envvar,
        help=help,
        expose_value=False,
        callback=_keep,
    )


class CtlGroup(LazyGroup):
    """A group whose commands fail with the documented exit codes."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; turn what went wrong into an exit code."""
        try:
            with failures():
                return super().invoke(ctx)
        except Failure as failure:
            if str(failure):
                click.echo(f"coordctl: {failure}", err=True)
            ctx.exit(failure.exit_code)


@contextmanager
def failures(about: str = "") -> Iterator[None]:
    """Turn refusals and silence of the cluster into a Failure, told as one about `about`."""
    prefix = f"{about}: " if about else ""
    try:
        yield
    except CallFailed as error:
        text = exits.text_of(error.code, error.text)
        raise Failure(f"{prefix}{text}", exits.exit_of(error.code)) from None
    except Unreachable as error:
        raise Failure(f"no node can serve: {error}", exits.UNREACHABLE) from None


def run(cli: click.Group) -> NoReturn:
    """Run a command line and end the process with its exit code."""
    try:
        code: object = cli.main(prog_name="coordctl", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(exits.INTERRUPTED)
    except BrokenPipeError:
        # The reader has seen enough; what is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(exits.OTHER)
    sys.exit(code if isinstance(code, int) else 0)
