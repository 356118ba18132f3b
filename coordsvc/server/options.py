"""The table of options: from it come flags, variables, keys of the file, help and documents.

An option has one name everywhere: `data-dir` is the flag `--data-dir`, the variable
`COORDSVC_DATA_DIR` and the key `data-dir` of the TOML file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from coordsvc.base import limits
from coordsvc.protocols.zookeeper.operators.words import WORDS
from coordsvc.server.addresses import NODE_NAME, Address, Member, address_of, members_of
from coordsvc.server.tls import NONE, OPTIONAL, REQUIRED
from coordsvc.server.users import users_of

T_co = TypeVar("T_co", covariant=True)

VARIABLE_PREFIX: Final = "COORDSVC_"
SECRET_LENGTH_MIN: Final = 16
SHA1_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{27}=")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind of value: how it is read from text, and how a person is told what it accepts."""

    metavar: str
    accepts: str
    parse: Callable[[str], T_co]
    """Raises ValueError for what is not accepted."""
    is_switch: bool = False


@dataclass(frozen=True, slots=True)
class Option(Generic[T_co]):
    """One thing an operator can set."""

    name: str
    kind: Kind[T_co]
    default: str
    help: str

    @property
    def flag(self) -> str:
        """Return its spelling on the command line."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """Return its spelling in the environment."""
        return VARIABLE_PREFIX + self.name.upper().replace("-", "_")


def _parse_name(text: str) -> str:
    if NODE_NAME.fullmatch(text) is None:
        raise ValueError("not a name")
    return text


def _parse_optional_address(text: str) -> Address | None:
    return address_of(text) if text else None


def _parse_folder(text: str) -> Path:
    if not text:
        raise ValueError("no path")
    return Path(text).expanduser()


def _parse_digest(text: str) -> str:
    user, _, digest = text.partition(":")
    if text and not (user and SHA1_BASE64.fullmatch(digest)):
        raise ValueError("not a user and a digest")
    return text


def _parse_secret(text: str) -> str:
    """Return what the file named `text` holds; the secret itself is in no setting."""
    if not text:
        return ""
    try:
        secret = Path(text).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from error
    if len(secret) < SECRET_LENGTH_MIN or not secret.isascii() or not secret.isprintable():
        raise ValueError("its content is too short, or not printable ASCII")
    return secret


def _parse_file(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _parse_password(text: str) -> str:
    if not text:
        return ""
    try:
        return Path(text).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from error


def _parse_users(text: str) -> Mapping[str, str]:
    return users_of(_parse_password(text))


def _parse_names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(";") if part.strip())


def _parse_number(text: str, *, least: int, most: int) -> int:
    digits = text.replace("_", "")
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("not a whole number")
    number = int(digits)
    if not least <= number <= most:
        raise ValueError("out of range")
    return number


_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "": 1}
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")


def _parse_millis(text: str, *, least: int, most: int) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    millis = round(float(found[1]) * _UNITS[found[2]])
    if not least <= millis <= most:
        raise ValueError("out of range")
    return millis


_SWITCH: Final = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _parse_words(text: str) -> frozenset[str]:
    words = {part.strip() for part in text.split(",") if part.strip()}
    if "*" in words:
        return frozenset(WORDS)
    unknown = sorted(words - WORDS.keys())
    if unknown:
        raise ValueError(f"{unknown[0]} is no such word")
    return frozenset(words)


def _parse_switch(text: str) -> bool:
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError("neither true nor false") from None


def _parse_choice(text: str, *, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError("not one of them")
    return text


def _number(least: int, most: int) -> Kind[int]:
    accepts = f"a whole number from {least} to {most}"
    return Kind("N", accepts, partial(_parse_number, least=least, most=most))


def _millis(least: int, most: int) -> Kind[int]:
    accepts = f"a time from {least}ms to {most}ms, such as {least}, 250ms or 2s"
    return Kind("TIME", accepts, partial(_parse_millis, least=least, most=most))


def _choice(*choices: str) -> Kind[str]:
    return Kind(
        "|".join(choices), "one of " + ", ".join(choices), partial(_parse_choice, choices=choices)
    )


_NAME: Final = Kind("NAME", "up to 64 letters, digits, dots, dashes and underscores", _parse_name)
_ADDRESS: Final = Kind("HOST:PORT", "host:port or [ipv6]:port", address_of)
_REACHED_AT: Final = Kind(
    "HOST:PORT", "host:port or [ipv6]:port, or nothing", _parse_optional_address
)
_FOLDER: Final = Kind("FOLDER", "a path", _parse_folder)
_SECRET: Final = Kind(
    "FILE", "a file that holds 16 or more printable characters, or nothing", _parse_secret
)
_SWITCHED: Final = Kind("BOOL", "true or false", _parse_switch, is_switch=True)
_FILE: Final = Kind("FILE", "a path, or nothing", _parse_file)
_PASSWORD: Final = Kind("FILE", "a file that can be read, or nothing", _parse_password)
_USERS: Final = Kind("FILE", "a file of user:password lines, or nothing", _parse_users)
_NAMES: Final = Kind("LIST", "names separated by semicolons", _parse_names)
_WORDS: Final = Kind("LIST", f"words of {', '.join(WORDS)}, or *, or nothing", _parse_words)
_MEMBERS: Final[Kind[tuple[Member, ...]]] = Kind(
    "LIST",
    "name=host[:peer][/client[/http]],... such as n1=10.0.0.1:2281/2181/8181,n2=10.0.0.2",
    members_of,
)

NODE: Final = Option("node", _NAME, "n1", "Name of this node in the cluster.")
CLUSTER: Final = Option(
    "cluster", _NAME, "coordsvc", "Name of the cluster; nodes of another one are turned away."
)
DATA_DIR: Final = Option(
    "data-dir", _FOLDER, "coordsvc-data", "Folder of the log and the snapshots of this node."
)
CLIENT_ADDRESS: Final = Option(
    "client-address", _ADDRESS, "127.0.0.1:2181", "Where to listen for clients."
)
PEER_ADDRESS: Final = Option(
    "peer-address", _ADDRESS, "127.0.0.1:2281", "Where to listen for the other nodes."
)
HTTP_ADDRESS: Final = Option(
    "http-address", _ADDRESS, "127.0.0.1:8181", "Where to listen for HTTP: health, metrics, admin."
)
ADVERTISE_CLIENT: Final = Option(
    "advertise-client",
    _REACHED_AT,
    "",
    "Where clients reach this node; by default as its entry in members says.",
)
ADVERTISE_PEER: Final = Option(
    "advertise-peer",
    _REACHED_AT,
    "",
    "Where the other nodes reach this one; by default as its entry in members says.",
)
ADVERTISE_HTTP: Final = Option(
    "advertise-http",
    _REACHED_AT,
    "",
    "Where people reach its HTTP; by default as its entry in members says.",
)
ADMIN_TOKEN_FILE: Final = Option(
    "admin-token-file",
    _SECRET,
    "",
    "File with the token that changes over HTTP must carry; the same on every node. "
    "Without it they are taken from the members' machines only.",
)
MEMBERS: Final = Option(
    "members",
    _MEMBERS,
    "",
    "The nodes that form a new cluster, this one included; none: this node alone. "
    "Read at the first start only.",
)
JOIN: Final = Option(
    "join",
    _SWITCHED,
    "false",
    "With an empty folder join the cluster of members, once it has added this node "
    "(coordctl members add), instead of forming one.",
)
HEARTBEAT_MS: Final = Option(
    "heartbeat-ms", _millis(5, 10_000), "100", "How often the leader is heard of when it is idle."
)
ELECTION_MS: Final = Option(
    "election-ms",
    _millis(20, 60_000),
    "1000",
    "How long a node waits for a leader before it stands for election (up to twice this).",
)
SESSION_TIMEOUT_MIN_MS: Final = Option(
    "session-timeout-min-ms",
    _millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    str(limits.SESSION_TIMEOUT_MS_MIN),
    "Shortest session timeout a client is given.",
)
SESSION_TIMEOUT_MAX_MS: Final = Option(
    "session-timeout-max-ms",
    _millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    str(limits.SESSION_TIMEOUT_MS_MAX),
    "Longest session timeout a client is given.",
)
SESSION_TIMEOUT_MS: Final = Option(
    "session-timeout-ms",
    _millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "10000",
    "Session timeout of a client that asks for none.",
)
ZOOKEEPER_TIMEOUT_MIN_MS: Final = Option(
    "zookeeper-timeout-min-ms",
    _millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "4000",
    "Shortest session timeout a ZooKeeper client is given.",
)
ZOOKEEPER_TIMEOUT_MAX_MS: Final = Option(
    "zookeeper-timeout-max-ms",
    _millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "40000",
    "Longest session timeout a ZooKeeper client is given.",
)
ZOOKEEPER_SUPER_DIGEST: Final = Option(
    "zookeeper-super-digest",
    Kind("USER:DIGEST", "a user, `:`, and the base64 of the SHA-1 of user:password", _parse_digest),
    "",
    "Whom no ACL stops: a ZooKeeper client that authenticates as this user (default: nobody).",
)
ZOOKEEPER_FRAME_BYTES_MAX: Final = Option(
    "zookeeper-frame-bytes-max",
    _number(64 * limits.KIB, limits.FRAME_BYTES_MAX - limits.KIB),
    "1048575",
    "Longest request taken from a ZooKeeper client (ZooKeeper's jute.maxbuffer).",
)
ZOOKEEPER_READ_ONLY: Final = Option(
    "zookeeper-read-only",
    _SWITCHED,
    "false",
    "Serve reads without a quorum to ZooKeeper clients that ask for it.",
)
ZOOKEEPER_WORDS: Final = Option(
    "zookeeper-words",
    _WORDS,
    "srvr",
    "Four-letter words that the client port answers; * for all.",
)
ZOOKEEPER_ADMIN_ADDRESS: Final = Option(
    "zookeeper-admin-address",
    _REACHED_AT,
    "",
    "Where to answer ZooKeeper's admin commands beside http-address, such as 0.0.0.0:8080.",
)
ZOOKEEPER_METRICS_ADDRESS: Final = Option(
    "zookeeper-metrics-address",
    _REACHED_AT,
    "",
    "Where to show metrics under ZooKeeper's names beside http-address, such as 0.0.0.0:7000.",
)
SUPER_USERS: Final = Option(
    "super-users",
    _NAMES,
    "",
    "SASL users and subjects of certificates, separated by semicolons, whom no ACL stops.",
)
SASL_USERS_FILE: Final = Option(
    "sasl-users-file",
    _USERS,
    "",
    "File with user:password lines, or Java's JAAS file, for SASL DIGEST-MD5.",
)
TLS_CLIENT_ADDRESS: Final = Option(
    "tls-client-address", _REACHED_AT, "", "Where to listen for clients that speak TLS."
)
TLS_CERTIFICATE_FILE: Final = Option(
    "tls-certificate-file",
    _FILE,
    "",
    "PEM file with the certificate of the TLS port, and its chain.",
)
TLS_KEY_FILE: Final = Option(
    "tls-key-file", _FILE, "", "PEM file with its private key; by default the certificate's file."
)
TLS_KEY_PASSWORD_FILE: Final = Option(
    "tls-key-password-file", _PASSWORD, "", "File with the password of that key, if it has one."
)
TLS_CLIENT_CA_FILE: Final = Option(
    "tls-client-ca-file", _FILE, "", "PEM file with whose certificates clients may show."
)
TLS_CLIENT_CERTIFICATES: Final = Option(
    "tls-client-certificates",
    _choice(NONE, OPTIONAL, REQUIRED),
    NONE,
    "Whether clients show certificates on the TLS port.",
)
CONNECTIONS_PER_HOST_MAX: Final = Option(
    "connections-per-host-max",
    _number(0, 10**6),
    "0",
    "Client connections taken from one address; 0: any number.",
)
SNAPSHOT_EVERY_ENTRIES: Final = Option(
    "snapshot-every-entries",
    _number(100, 10**9),
    str(limits.SNAPSHOT_EVERY_ENTRIES),
    "Take a snapshot after so many log entries.",
)
SNAPSHOT_EVERY_BYTES: Final = Option(
    "snapshot-every-bytes",
    _number(limits.MIB, 10**12),
    str(limits.SNAPSHOT_EVERY_BYTES),
    "Take a snapshot after so many bytes of log.",
)
LOG_ENTRIES_KEPT: Final = Option(
    "log-entries-kept",
    _number(0, 10**9),
    str(limits.LOG_ENTRIES_KEPT_BEHIND),
    "Entries to keep behind a snapshot, for nodes that are a little behind.",
)
DISK_RESERVE_BYTES: Final = Option(
    "disk-reserve-bytes",
    _number(limits.MIB, 10**12),
    str(limits.DISK_RESERVE_BYTES),
    "With less room than this on any node's disk, nothing that makes the state grow is taken.",
)
LEASE_READS: Final = Option(
    "lease-reads",
    _SWITCHED,
    "false",
    "Let the leader answer reads from its lease, without asking a majority. "
    "Correct only while clock-drift-ppm holds.",
)
CLOCK_DRIFT_PPM: Final = Option(
    "clock-drift-ppm",
    _number(0, 200_000),
    "10000",
    "By how many millionths the clocks of two nodes may run apart; shortens the lease.",
)
LOG_LEVEL: Final = Option(
    "log-level", _choice("debug", "info", "warning", "error"), "info", "Least level to log."
)
LOG_FORMAT: Final = Option(
    "log-format",
    _choice("auto", "json", "text"),
    "auto",
    "Form of the log lines; auto: text on a terminal, else JSON.",
)
INSECURE: Final = Option(
    "insecure",
    _SWITCHED,
    "false",
    "Listen beyond this machine without TLS: anybody who reaches the ports controls the cluster.",
)

OPTIONS: Final[tuple[Option[object], ...]] = (
    NODE,
    CLUSTER,
    DATA_DIR,
    CLIENT_ADDRESS,
    PEER_ADDRESS,
    HTTP_ADDRESS,
    ADVERTISE_CLIENT,
    ADVERTISE_PEER,
    ADVERTISE_HTTP,
    ADMIN_TOKEN_FILE,
    MEMBERS,
    JOIN,
    HEARTBEAT_MS,
    ELECTION_MS,
    SESSION_TIMEOUT_MIN_MS,
    SESSION_TIMEOUT_MAX_MS,
    SESSION_TIMEOUT_MS,
    ZOOKEEPER_TIMEOUT_MIN_MS,
    ZOOKEEPER_TIMEOUT_MAX_MS,
    ZOOKEEPER_SUPER_DIGEST,
    ZOOKEEPER_FRAME_BYTES_MAX,
    ZOOKEEPER_READ_ONLY,
    ZOOKEEPER_WORDS,
    ZOOKEEPER_ADMIN_ADDRESS,
    ZOOKEEPER_METRICS_ADDRESS,
    SUPER_USERS,
    SASL_USERS_FILE,
    TLS_CLIENT_ADDRESS,
    TLS_CERTIFICATE_FILE,
    TLS_KEY_FILE,
    TLS_KEY_PASSWORD_FILE,
    TLS_CLIENT_CA_FILE,
    TLS_CLIENT_CERTIFICATES,
    CONNECTIONS_PER_HOST_MAX,
    SNAPSHOT_EVERY_ENTRIES,
    SNAPSHOT_EVERY_BYTES,
    LOG_ENTRIES_KEPT,
    DISK_RESERVE_BYTES,
    LEASE_READS,
    CLOCK_DRIFT_PPM,
    LOG_LEVEL,
    LOG_FORMAT,
    INSECURE,
)
