"""The table of options: from it come flags, variables, keys of the file, help and documents.

An option has one name everywhere: `data-dir` is the flag `--data-dir`, the variable
`COORDSVC_DATA_DIR` and the key `data-dir` of the TOML file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from coordsvc.base import limits
from coordsvc.server import kinds
from coordsvc.server.kinds import Kind
from coordsvc.server.tls import NONE, OPTIONAL, REQUIRED

T_co = TypeVar("T_co", covariant=True)

VARIABLE_PREFIX: Final = "COORDSVC_"


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


NODE: Final = Option("node", kinds.NAME, "n1", "Name of this node in the cluster.")
CLUSTER: Final = Option(
    "cluster", kinds.NAME, "coordsvc", "Name of the cluster; nodes of another one are turned away."
)
DATA_DIR: Final = Option(
    "data-dir", kinds.FOLDER, "coordsvc-data", "Folder of the log and the snapshots of this node."
)
CLIENT_ADDRESS: Final = Option(
    "client-address", kinds.ADDRESS, "127.0.0.1:2181", "Where to listen for clients."
)
PEER_ADDRESS: Final = Option(
    "peer-address", kinds.ADDRESS, "127.0.0.1:2281", "Where to listen for the other nodes."
)
HTTP_ADDRESS: Final = Option(
    "http-address",
    kinds.ADDRESS,
    "127.0.0.1:8181",
    "Where to listen for HTTP: health, metrics, admin.",
)
ADVERTISE_CLIENT: Final = Option(
    "advertise-client",
    kinds.REACHED_AT,
    "",
    "Where clients reach this node; by default as its entry in members says.",
)
ADVERTISE_PEER: Final = Option(
    "advertise-peer",
    kinds.REACHED_AT,
    "",
    "Where the other nodes reach this one; by default as its entry in members says.",
)
ADVERTISE_HTTP: Final = Option(
    "advertise-http",
    kinds.REACHED_AT,
    "",
    "Where people reach its HTTP; by default as its entry in members says.",
)
ADMIN_TOKEN_FILE: Final = Option(
    "admin-token-file",
    kinds.SECRET,
    "",
    "File with the token that changes over HTTP must carry; the same on every node. "
    "Without it they are taken from the members' machines only.",
)
MEMBERS: Final = Option(
    "members",
    kinds.MEMBERS,
    "",
    "The nodes that form a new cluster, this one included; none: this node alone. "
    "Read at the first start only.",
)
JOIN: Final = Option(
    "join",
    kinds.SWITCH,
    "false",
    "With an empty folder join the cluster of members, once it has added this node "
    "(coordctl members add), instead of forming one.",
)
HEARTBEAT_MS: Final = Option(
    "heartbeat-ms",
    kinds.millis(5, 10_000),
    "100",
    "How often the leader is heard of when it is idle.",
)
ELECTION_MS: Final = Option(
    "election-ms",
    kinds.millis(20, 60_000),
    "1000",
    "How long a node waits for a leader before it stands for election (up to twice this).",
)
SESSION_TIMEOUT_MIN_MS: Final = Option(
    "session-timeout-min-ms",
    kinds.millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    str(limits.SESSION_TIMEOUT_MS_MIN),
    "Shortest session timeout a client is given.",
)
SESSION_TIMEOUT_MAX_MS: Final = Option(
    "session-timeout-max-ms",
    kinds.millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    str(limits.SESSION_TIMEOUT_MS_MAX),
    "Longest session timeout a client is given.",
)
SESSION_TIMEOUT_MS: Final = Option(
    "session-timeout-ms",
    kinds.millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "10000",
    "Session timeout of a client that asks for none.",
)
ZOOKEEPER_TIMEOUT_MIN_MS: Final = Option(
    "zookeeper-timeout-min-ms",
    kinds.millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "4000",
    "Shortest session timeout a ZooKeeper client is given.",
)
ZOOKEEPER_TIMEOUT_MAX_MS: Final = Option(
    "zookeeper-timeout-max-ms",
    kinds.millis(limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX),
    "40000",
    "Longest session timeout a ZooKeeper client is given.",
)
ZOOKEEPER_SUPER_DIGEST: Final = Option(
    "zookeeper-super-digest",
    kinds.DIGEST,
    "",
    "Whom no ACL stops: a ZooKeeper client that authenticates as this user (default: nobody).",
)
ZOOKEEPER_FRAME_BYTES_MAX: Final = Option(
    "zookeeper-frame-bytes-max",
    kinds.number(64 * limits.KIB, limits.FRAME_BYTES_MAX - limits.KIB),
    "1048575",
    "Longest request taken from a ZooKeeper client (ZooKeeper's jute.maxbuffer).",
)
ZOOKEEPER_READ_ONLY: Final = Option(
    "zookeeper-read-only",
    kinds.SWITCH,
    "false",
    "Serve reads without a quorum to ZooKeeper clients that ask for it.",
)
ZOOKEEPER_WORDS: Final = Option(
    "zookeeper-words",
    kinds.WORD_LIST,
    "srvr",
    "Four-letter words that the client port answers; * for all.",
)
ZOOKEEPER_ADMIN_ADDRESS: Final = Option(
    "zookeeper-admin-address",
    kinds.REACHED_AT,
    "",
    "Where to answer ZooKeeper's admin commands beside http-address, such as 0.0.0.0:8080.",
)
ZOOKEEPER_METRICS_ADDRESS: Final = Option(
    "zookeeper-metrics-address",
    kinds.REACHED_AT,
    "",
    "Where to show metrics under ZooKeeper's names beside http-address, such as 0.0.0.0:7000.",
)
SUPER_USERS: Final = Option(
    "super-users",
    kinds.NAMES,
    "",
    "SASL users and subjects of certificates, separated by semicolons, whom no ACL stops.",
)
SASL_USERS_FILE: Final = Option(
    "sasl-users-file",
    kinds.USERS,
    "",
    "File with user:password lines, or Java's JAAS file, for SASL DIGEST-MD5.",
)
TLS_CLIENT_ADDRESS: Final = Option(
    "tls-client-address", kinds.REACHED_AT, "", "Where to listen for clients that speak TLS."
)
TLS_CERTIFICATE_FILE: Final = Option(
    "tls-certificate-file",
    kinds.FILE,
    "",
    "PEM file with the certificate of the TLS port, and its chain.",
)
TLS_KEY_FILE: Final = Option(
    "tls-key-file",
    kinds.FILE,
    "",
    "PEM file with its private key; by default the certificate's file.",
)
TLS_KEY_PASSWORD_FILE: Final = Option(
    "tls-key-password-file",
    kinds.PASSWORD,
    "",
    "File with the password of that key, if it has one.",
)
TLS_CLIENT_CA_FILE: Final = Option(
    "tls-client-ca-file", kinds.FILE, "", "PEM file with whose certificates clients may show."
)
TLS_CLIENT_CERTIFICATES: Final = Option(
    "tls-client-certificates",
    kinds.choice(NONE, OPTIONAL, REQUIRED),
    NONE,
    "Whether clients show certificates on the TLS port.",
)
CONNECTIONS_PER_HOST_MAX: Final = Option(
    "connections-per-host-max",
    kinds.number(0, 10**6),
    "0",
    "Client connections taken from one address; 0: any number.",
)
SNAPSHOT_EVERY_ENTRIES: Final = Option(
    "snapshot-every-entries",
    kinds.number(100, 10**9),
    str(limits.SNAPSHOT_EVERY_ENTRIES),
    "Take a snapshot after so many log entries (at least twice as many as there are nodes).",
)
SNAPSHOT_EVERY_BYTES: Final = Option(
    "snapshot-every-bytes",
    kinds.number(limits.MIB, 10**12),
    str(limits.SNAPSHOT_EVERY_BYTES),
    "Take a snapshot after so many bytes of log.",
)
LOG_ENTRIES_KEPT: Final = Option(
    "log-entries-kept",
    kinds.number(0, 10**9),
    str(limits.LOG_ENTRIES_KEPT_BEHIND),
    "Entries to keep behind a snapshot, for nodes that are a little behind.",
)
DISK_RESERVE_BYTES: Final = Option(
    "disk-reserve-bytes",
    kinds.number(limits.MIB, 10**12),
    str(limits.DISK_RESERVE_BYTES),
    "With less room than this on any node's disk, nothing that makes the state grow is taken.",
)
LEASE_READS: Final = Option(
    "lease-reads",
    kinds.SWITCH,
    "false",
    "Let the leader answer reads from its lease, without asking a majority. "
    "Correct only while clock-drift-ppm holds.",
)
CLOCK_DRIFT_PPM: Final = Option(
    "clock-drift-ppm",
    kinds.number(0, 200_000),
    "10000",
    "By how many millionths the clocks of two nodes may run apart; shortens the lease.",
)
LOG_LEVEL: Final = Option(
    "log-level", kinds.choice("debug", "info", "warning", "error"), "info", "Least level to log."
)
LOG_FORMAT: Final = Option(
    "log-format",
    kinds.choice("auto", "json", "text"),
    "auto",
    "Form of the log lines; auto: text on a terminal, else JSON.",
)
INSECURE: Final = Option(
    "insecure",
    kinds.SWITCH,
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
