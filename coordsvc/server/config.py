"""Settings of one node: from flags, environment and file, checked as a whole.

Each option is taken from the first place that has it: flag, variable, file, default. All faults
are reported together, each with the option, where its value came from, and what is accepted.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from coordsvc.base.errors import SetupError
from coordsvc.server import options, zoocfg
from coordsvc.server.addresses import Address, Member
from coordsvc.server.options import OPTIONS, VARIABLE_PREFIX, Option
from coordsvc.server.tls import NONE

T = TypeVar("T")

DEFAULT: Final = "default"
FILE_VARIABLE: Final = "COORDSVC_CONFIG"

OTHER_VARIABLES: Final = frozenset(
    {
        FILE_VARIABLE,
        "COORDSVC_ENDPOINTS",
        "COORDSVC_HTTP_ENDPOINTS",
        "COORDSVC_TIMEOUT",
        "COORDSVC_OUTPUT",
        "COORDSVC_TOKEN",
        "COORDSVC_FENCE",
        "COORDSVC_LOCK",
        "COORDSVC_EVENT",
        "COORDSVC_PATH",
        "COORDSVC_REVISION",
        "COORDSVC_TEST_ADDR",
    }
)
"""Variables of the command-line tools and the client: not the server's, but not typos."""

_INJECTED: Final = re.compile(r"COORDSVC(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\w+)?)")
"""What Kubernetes and container links put into the environment beside a service of this name."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How one node is to run. Times in ms. Complete and consistent once made by `resolve`."""

    node: str
    cluster: str
    data_dir: Path
    client_address: Address
    peer_address: Address
    http_address: Address
    advertise_client: Address
    advertise_peer: Address
    advertise_http: Address
    members: tuple[Member, ...]
    """Of a new cluster, this node among them; with `join` those of the one to be joined."""
    join: bool
    """With an empty folder wait to be added to a cluster that is there already."""
    heartbeat_ms: int
    election_ms: int
    session_timeout_min_ms: int
    session_timeout_max_ms: int
    session_timeout_ms: int
    zookeeper_timeout_min_ms: int
    zookeeper_timeout_max_ms: int
    zookeeper_frame_bytes_max: int
    zookeeper_read_only: bool
    zookeeper_words: frozenset[str]
    zookeeper_admin_address: Address | None
    zookeeper_metrics_address: Address | None
    connections_per_host_max: int
    super_users: frozenset[str]
    tls_client_address: Address | None
    tls_certificate: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    tls_client_certificates: str
    snapshot_every_entries: int
    snapshot_every_bytes: int
    log_entries_kept: int
    disk_reserve_bytes: int
    lease_reads: bool
    clock_drift_ppm: int
    log_level: str
    log_format: str
    insecure: bool
    zookeeper_super_digest: str = field(default="", repr=False)
    """`user:base64` of whom no ACL stops; empty: nobody."""
    sasl_users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Their passwords, by name."""
    tls_key_password: str = field(default="", repr=False)
    admin_token: str = field(default="", repr=False)
    """What changes over HTTP must carry; empty: no token, only members' machines."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The value of one option as text, and where it came from."""

    option: Option[object]
    text: str
    origin: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Settings, and how they came about."""

    settings: Settings
    choices: tuple[Choice, ...]
    warnings: tuple[str, ...] = ()
    """What is to be said about how a zoo.cfg was read."""


def resolve(
    *,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    file: Path | None = None,
    zoo_cfg: Path | None = None,
) -> Resolved:
    """Return the settings that these sources add up to.

    Args:
        flags: option names (without dashes in front) and texts given on the command line.
        environment: all of it; what does not start with COORDSVC_ is not looked at.
        file: a TOML file; without it, the one that COORDSVC_CONFIG names, if any.
        zoo_cfg: a ZooKeeper configuration, which counts less than the TOML file.

    Raises:
        SetupError: with one line for each fault.

    """
    if file is None and environment.get(FILE_VARIABLE):
        file = Path(environment[FILE_VARIABLE])
    faults: list[str] = []
    warnings: list[str] = []
    given: dict[str, Choice] = {}
    for source in (
        _from_zoo_cfg(zoo_cfg, faults, warnings),
        _from_file(file, faults),
        _from_environment(environment, faults),
    ):
        given.update((choice.option.name, choice) for choice in source)
    for option in OPTIONS:
        if option.name in flags:
            given[option.name] = Choice(option, flags[option.name], option.flag)
        given.setdefault(option.name, Choice(option, option.default, DEFAULT))
    assert flags.keys() <= given.keys(), "the command line knows only options of the table"
    settings = _Reader(given, faults).settings()
    faults.extend(() if faults else _contradictions(settings))
    if faults:
        raise SetupError("\n".join(faults))
    choices = tuple(given[option.name] for option in OPTIONS)
    return Resolved(settings, choices, tuple(warnings))


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """Return the complaint about a word that is not known, with the nearest one that is."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"{what}: unknown" + (f"; did you mean {near[0]}?" if near else "")


def _from_environment(environment: Mapping[str, str], faults: list[str]) -> Iterator[Choice]:
    by_variable = {option.variable: option for option in OPTIONS}
    for variable, text in sorted(environment.items()):
        if variable in by_variable:
            yield Choice(by_variable[variable], text, variable)
        elif (
            variable.startswith(VARIABLE_PREFIX)
            and variable not in OTHER_VARIABLES
            and _INJECTED.fullmatch(variable) is None
        ):
            faults.append(unknown(f"variable {variable}", variable, by_variable))


def _from_zoo_cfg(file: Path | None, faults: list[str], warnings: list[str]) -> Iterator[Choice]:
    if file is None:
        return
    read = zoocfg.read(file)
    warnings += read.warnings
    faults += (f"{file}: {fault}" for fault in read.faults)
    by_name = {option.name: option for option in OPTIONS}
    for name, text in read.options.items():
        yield Choice(by_name[name], text, str(file))


def _from_file(file: Path | None, faults: list[str]) -> Iterator[Choice]:
    by_name = {option.name: option for option in OPTIONS}
    for key, value in _read_toml(file, faults).items():
        option = by_name.get(key)
        if option is None:
            faults.append(unknown(f"key {key} in {file}", key.replace("_", "-"), by_name))
            continue
        try:
            yield Choice(option, _text_of(value), str(file))
        except ValueError as error:
            faults.append(f"{key} ({file}): {error}; accepted is {option.kind.accepts}")


def _read_toml(file: Path | None, faults: list[str]) -> dict[str, object]:
    if file is None:
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        faults.append(f"{file}: cannot be read: {error.strerror}")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(f"{file}: not TOML: {error}")
    return {}


def _text_of(value: object) -> str:
    """Return a value of the file as a flag would give it; a list joined by commas."""
    if isinstance(value, list):
        return ",".join(_text_of(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError(f"a {type(value).__name__} is not a value")


class _Reader:
    """Turns the chosen texts into values, collecting what cannot be read."""

    def __init__(self, choices: Mapping[str, Choice], faults: list[str]) -> None:
        self._choices = choices
        self._faults = faults

    def take(self, option: Option[T]) -> T:
        """Return the value of `option`; its default if the chosen text is at fault."""
        choice = self._choices[option.name]
        try:
            return option.kind.parse(choice.text)
        except ValueError as error:
            self._faults.append(
                f"{option.name} = {choice.text!r} ({choice.origin}): {error}; "
                f"accepted is {option.kind.accepts}"
            )
            return option.kind.parse(option.default)

    def settings(self) -> Settings:
        """Return all of them, with the members and advertised addresses filled in."""
        node = self.take(options.NODE)
        client, peer, http = (
            self.take(options.CLIENT_ADDRESS),
            self.take(options.PEER_ADDRESS),
            self.take(options.HTTP_ADDRESS),
        )
        members, join = self.take(options.MEMBERS), self.take(options.JOIN)
        listed = next((member for member in members if member.name == node), None)
        own = Member(
            node,
            self.take(options.ADVERTISE_PEER) or (listed.peer if listed else peer),
            self.take(options.ADVERTISE_CLIENT) or (listed.client if listed else client),
            self.take(options.ADVERTISE_HTTP) or (listed.http if listed else http),
        )
        return Settings(
            node=node,
            cluster=self.take(options.CLUSTER),
            data_dir=self.take(options.DATA_DIR),
            client_address=client,
            peer_address=peer,
            http_address=http,
            advertise_client=own.client,
            advertise_peer=own.peer,
            advertise_http=own.http,
            members=tuple(own if m is listed else m for m in members)
            + (() if listed or (members and not join) else (own,)),
            join=join,
            heartbeat_ms=self.take(options.HEARTBEAT_MS),
            election_ms=self.take(options.ELECTION_MS),
            session_timeout_min_ms=self.take(options.SESSION_TIMEOUT_MIN_MS),
            session_timeout_max_ms=self.take(options.SESSION_TIMEOUT_MAX_MS),
            session_timeout_ms=self.take(options.SESSION_TIMEOUT_MS),
            zookeeper_timeout_min_ms=self.take(options.ZOOKEEPER_TIMEOUT_MIN_MS),
            zookeeper_timeout_max_ms=self.take(options.ZOOKEEPER_TIMEOUT_MAX_MS),
            zookeeper_super_digest=self.take(options.ZOOKEEPER_SUPER_DIGEST),
            zookeeper_frame_bytes_max=self.take(options.ZOOKEEPER_FRAME_BYTES_MAX),
            zookeeper_read_only=self.take(options.ZOOKEEPER_READ_ONLY),
            zookeeper_words=self.take(options.ZOOKEEPER_WORDS),
            zookeeper_admin_address=self.take(options.ZOOKEEPER_ADMIN_ADDRESS),
            zookeeper_metrics_address=self.take(options.ZOOKEEPER_METRICS_ADDRESS),
            connections_per_host_max=self.take(options.CONNECTIONS_PER_HOST_MAX),
            super_users=self.take(options.SUPER_USERS),
            sasl_users=self.take(options.SASL_USERS_FILE),
            tls_client_address=self.take(options.TLS_CLIENT_ADDRESS),
            tls_certificate=self.take(options.TLS_CERTIFICATE_FILE),
            tls_key=self.take(options.TLS_KEY_FILE),
            tls_key_password=self.take(options.TLS_KEY_PASSWORD_FILE),
            tls_client_ca=self.take(options.TLS_CLIENT_CA_FILE),
            tls_client_certificates=self.take(options.TLS_CLIENT_CERTIFICATES),
            snapshot_every_entries=self.take(options.SNAPSHOT_EVERY_ENTRIES),
            snapshot_every_bytes=self.take(options.SNAPSHOT_EVERY_BYTES),
            log_entries_kept=self.take(options.LOG_ENTRIES_KEPT),
            disk_reserve_bytes=self.take(options.DISK_RESERVE_BYTES),
            lease_reads=self.take(options.LEASE_READS),
            clock_drift_ppm=self.take(options.CLOCK_DRIFT_PPM),
            log_level=self.take(options.LOG_LEVEL),
            log_format=self.take(options.LOG_FORMAT),
            insecure=self.take(options.INSECURE),
            admin_token=self.take(options.ADMIN_TOKEN_FILE),
        )


def _contradictions(settings: Settings) -> Iterator[str]:
    """Name what does not go together, and which option mends it."""
    names = [member.name for member in settings.members]
    if settings.node not in names:
        yield (
            f"node {settings.node} is not among the members {', '.join(names)}: set node or members"
        )
    if settings.join and names == [settings.node]:
        yield "join: say with members where the nodes of the cluster to be joined are"
    if settings.election_ms < 3 * settings.heartbeat_ms:
        yield (
            f"election-ms {settings.election_ms} must be at least three times "
            f"heartbeat-ms {settings.heartbeat_ms}, or one late heartbeat ends a term"
        )
    least, most = settings.session_timeout_min_ms, settings.session_timeout_max_ms
    if not least <= settings.session_timeout_ms <= most:
        yield (
            f"session-timeout-ms {settings.session_timeout_ms} must lie between "
            f"session-timeout-min-ms {least} and session-timeout-max-ms {most}"
        )
    yield from _address_faults(settings)
    yield from _tls_faults(settings)


def _tls_faults(settings: Settings) -> Iterator[str]:
    if settings.tls_client_address is None:
        return
    if settings.tls_certificate is None:
        yield "tls-client-address needs tls-certificate-file"
    if settings.tls_client_certificates != NONE and settings.tls_client_ca is None:
        yield (
            f"tls-client-certificates {settings.tls_client_certificates} needs tls-client-ca-file: "
            "whose certificates count"
        )


def _address_faults(settings: Settings) -> Iterator[str]:
    wanted = (
        (options.CLIENT_ADDRESS, settings.client_address),
        (options.PEER_ADDRESS, settings.peer_address),
        (options.HTTP_ADDRESS, settings.http_address),
        (options.ZOOKEEPER_ADMIN_ADDRESS, settings.zookeeper_admin_address),
        (options.ZOOKEEPER_METRICS_ADDRESS, settings.zookeeper_metrics_address),
    )
    listening = [(option, at) for option, at in wanted if at is not None]
    secure = settings.tls_client_address
    open_doors = [f"{option.name} {at}" for option, at in listening if not at.is_loopback]
    if open_doors and not settings.insecure:
        yield (
            f"{', '.join(open_doors)}: reachable from other machines without TLS. Listen on "
            "127.0.0.1 (tls-client-address is for clients elsewhere), or accept with insecure "
            "(--insecure) that anybody who reaches these ports controls the cluster"
        )
    if secure is not None:
        listening.append((options.TLS_CLIENT_ADDRESS, secure))
    fixed = [str(address) for _, address in listening if address.port]
    if len(set(fixed)) < len(fixed):
        names = ", ".join(option.name for option, _ in listening)
        yield f"{names} must differ from one another"
    advertised = (
        (options.ADVERTISE_CLIENT, settings.advertise_client),
        (options.ADVERTISE_PEER, settings.advertise_peer),
        (options.ADVERTISE_HTTP, settings.advertise_http),
    )
    for option, address in advertised:
        if address.is_everywhere:
            yield (
                f"nobody can connect to {address}: say with {option.name} or members "
                "where this node is reached"
            )
