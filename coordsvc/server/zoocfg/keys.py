"""Every key of zoo.cfg, and what becomes of it here. docs/zookeeper.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Fate(Enum):
    """What becomes of a key."""

    HONOURED = "honoured"
    NEEDLESS = "not needed"
    """What it asks for is so anyway, or has no counterpart that could be wrong: nothing is said."""
    IGNORED = "ignored"
    """What it asks for is not done: a warning says so."""
    REFUSED = "refused"
    """To start without it would be another thing than what was asked for: an error says so."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or with a star at its end all that begin like it."""

    name: str
    fate: Fate
    text: str
    harmless: tuple[str, ...] = ()
    """Values (in lower case) that ask for nothing that is not so anyway."""

    def matches(self, name: str) -> bool:
        """Tell whether `name` is this key."""
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name


_YES: Final = ("true", "yes")
_NO: Final = ("false", "no")

_HONOURED: Final = (
    ("dataDir", "holds `myid`, and `coordsvc` below it becomes `data-dir`"),
    ("clientPort", "`client-address`; HTTP is 6000 above it"),
    ("clientPortAddress", "`client-address`; without it all interfaces, as in ZooKeeper"),
    ("tickTime", "twice it is the shortest, 20 times the longest session timeout"),
    ("minSessionTimeout", "`zookeeper-timeout-min-ms`, at least 1000"),
    ("maxSessionTimeout", "`zookeeper-timeout-max-ms`"),
    ("server.*", "`members`: node nN; its first port is `peer-address`, the second is not used"),
    ("dynamicConfigFile", "read as part of the file"),
    ("peerType", "observer: the node waits until it is added (`join`)"),
    ("quorumListenOnAllIPs", "`peer-address` on all interfaces"),
    ("snapCount", "`snapshot-every-entries`"),
    ("snapSizeLimitInKb", "`snapshot-every-bytes`"),
    ("jute.maxbuffer", "`zookeeper-frame-bytes-max`, at most 4 MiB; data of a node at most 1 MiB"),
    ("readonlymode.enabled", "`zookeeper-read-only`"),
    ("maxClientCnxns", "`connections-per-host-max`; 60 without it, as in ZooKeeper"),
    ("4lw.commands.whitelist", "`zookeeper-words`"),
    ("DigestAuthenticationProvider.superDigest", "`zookeeper-super-digest`"),
    ("superUser", "among `super-users`"),
    ("X509AuthenticationProvider.superUser", "among `super-users`"),
    ("secureClientPort", "`tls-client-address`; clientPort is needed too"),
    ("secureClientPortAddress", "`tls-client-address`"),
    ("ssl.keyStore.location", "`tls-certificate-file` and `tls-key-file`; PEM only"),
    ("ssl.keyStore.passwordPath", "`tls-key-password-file`"),
    ("ssl.trustStore.location", "`tls-client-ca-file`; PEM only"),
    ("ssl.clientAuth", "`tls-client-certificates`; `need` without it, as in ZooKeeper"),
    ("admin.enableServer", "false: `admin.serverPort` does not count"),
    ("admin.serverPort", "`zookeeper-admin-address`; without it /commands is at `http-address`"),
    ("admin.serverAddress", "`zookeeper-admin-address`"),
    ("metricsProvider.className", "Prometheus's opens `zookeeper-metrics-address`, others nothing"),
    ("metricsProvider.httpPort", "`zookeeper-metrics-address`; 7000 without it"),
    ("metricsProvider.httpHost", "`zookeeper-metrics-address`"),
)  # fmt: skip

_NEEDLESS: Final = (
    ("initLimit", "a follower may take as long as it needs to catch up"),
    ("syncLimit", "a leader that is silent for `election-ms` is replaced"),
    ("connectToLearnerMasterLimit", "as initLimit"),
    ("electionAlg", "Raft elects"),
    ("cnxTimeout", "links between members have their own timeouts"),
    ("quorumCnxnTimeoutMs", "links between members have their own timeouts"),
    ("electionPortBindRetry", "there is no election port"),
    ("observer.*", "an observer follows like any member"),
    ("observerMasterPort", "observers are fed by the leader"),
    ("autopurge.*", "two snapshots are kept, and old log goes by itself"),
    ("standaloneEnabled", "a cluster of one is a cluster"),
    ("preAllocSize", "log segments have a fixed size and are filled in advance"),
    ("snapshot.*", "snapshots are always checksummed, compact and checked"),
    ("fsync.warningthresholdms", "the metric `coordsvc_wal_fsync_duration_seconds` tells"),
    ("digest.enabled", "states of members are always compared"),
    ("globalOutstandingLimit", "requests are bounded per connection and in bytes"),
    ("globalOutstandingRequestLimit", "requests are bounded per connection and in bytes"),
    ("requestThrottle*", "requests are bounded per connection and in bytes"),
    ("requestStaleConnectionCheck", "answers to a closed connection are not made"),
    ("requestStaleLatencyCheck", "there is no queue in which requests grow old"),
    ("connection*", "accepting connections is cheap and bounded"),
    ("advancedFlowControl*", "replies are bounded in bytes per connection"),
    ("commitProcessor.*", "there is one thread of requests"),
    ("nioserver*", "there is one thread of requests"),
    ("netty*", "there is no Netty"),
    ("serverCnxnFactory", "there is one kind of connection"),
    ("clientPortListenBacklog", "the backlog is 1024"),
    ("tcpKeepAlive", "links between members are checked by heartbeats"),
    ("clientTcpKeepAlive", "connections whose session has ended are closed"),
    ("jvm.pause.*", "there is no JVM; the metric `coordsvc_loop_lag_seconds` tells of pauses"),
    ("maxResponseCacheSize", "replies are not cached"),
    ("maxGetChildrenResponseCacheSize", "replies are not cached"),
    ("largeRequest*", "requests are bounded by their frame and in bytes in flight"),
    ("flushDelay", "writes that wait together share one sync without waiting for more"),
    ("maxWriteQueuePollTime", "writes that wait together share one sync"),
    ("maxBatchSize", "writes that wait together share one sync"),
    ("leader.*", "the leader's queues have bounds of their own"),
    ("learner.*", "members connect on their own terms"),
    ("maxConcurrentSnap*", "one snapshot at a time is sent to each follower"),
    ("watchManagerName", "there is one kind of watch table"),
    ("watcherCleaner*", "watches go with their connection"),
    ("bitHashCacheSize", "there is one kind of watch table"),
    ("fastleader.*", "Raft elects"),
    ("znode.container.*", "empty containers go after 2 s"),
    ("request_throttler.*", "requests are bounded per connection and in bytes"),
    ("netty.*", "there is no Netty"),
    ("compressSnapshot*", "snapshots are not compressed"),
    ("quorum.cnxn.threads.size", "links between members need no threads"),
    ("multiAddress.*", "the first address of each server is used"),
    ("client.portUnification", "TLS has a port of its own"),
    ("enableEagerACLCheck", "a write is checked once, where it is ordered"),
    ("closeSessionTxn.enabled", "ending a session is one entry of the log"),
    ("extendedTypesEnabled", "TTL nodes are always there"),
    ("emulate353TTLNodes", "TTL nodes are always there"),
    ("serializeLastProcessedZxid.enabled", "a snapshot always says what it stands for"),
    ("admin.idleTimeout", "idle HTTP connections are closed"),
    ("admin.commandURL", "commands are at /commands"),
)  # fmt: skip

_IGNORED: Final = (
    ("dataLogDir", "log and snapshots share one folder; choose its disk with `data-dir`", ()),
    ("maxCnxns", "the limit is 20,000 connections", ("0",)),
    ("admin.*", "commands are answered over plain HTTP", ()),
    ("metricsProvider.*", "metrics are shown over plain HTTP, those of a JVM not at all", ()),
    ("authProvider.*", "digest, ip, x509, sasl are there; users: `sasl-users-file` (or JAAS)", ()),
    ("enforceQuota", "hard limits of quotas are always kept", _YES),
    ("reconfigEnabled", "a super user can always change the members", _YES),
    ("leaderServes", "every member serves clients", _YES),
    ("skipACL", "access rules are checked", _NO),
    ("forceSync", "every write is synced before it is acknowledged", _YES),
    ("localSessions*", "every session is replicated", _NO),
    ("syncEnabled", "observers keep a log", _YES),
    ("group.*", "every participant has one vote", ()),
    ("weight.*", "every participant has one vote", ("1",)),
    ("oraclePath", "two members cannot decide without each other", ()),
    ("kerberos.*", "Kerberos is not supported", ()),
    ("ensembleAuthName", "the scheme `ensemble` is not supported", ()),
    ("audit.enable", "there is no audit log of ZooKeeper's kind", _NO),
    ("fips-mode", "TLS is that of Python's OpenSSL", ()),
    ("ssl.keyStore.type", "the files are PEM", ("pem",)),
    ("ssl.trustStore.type", "the files are PEM", ("pem",)),
    ("ssl.keyStore.password", "put it into a file: ssl.keyStore.passwordPath", ("",)),
    ("ssl.*", "TLS is 1.2 or newer, with what Python's OpenSSL takes for safe", ()),
    ("sslQuorumReloadCertFiles", "see sslQuorum", _NO),
)  # fmt: skip

_REFUSED: Final = (
    ("sslQuorum", "members do not speak TLS to one another in this version", _NO),
    ("portUnification", "members do not speak TLS to one another in this version", _NO),
    ("ssl.quorum.*", "members do not speak TLS to one another in this version", ()),
    ("quorum.auth.*", "members do not authenticate to one another in this version", _NO),
    ("sessionRequireClientSASLAuth", "clients cannot be required to authenticate", _NO),
    ("enforce.auth.*", "clients cannot be required to authenticate", _NO),
    ("allowSaslFailedClients", "clients that fail to authenticate are turned away", _NO),
)  # fmt: skip

KEYS: Final = (
    *(Key(name, Fate.HONOURED, text) for name, text in _HONOURED),
    *(Key(name, Fate.NEEDLESS, text) for name, text in _NEEDLESS),
    *(Key(name, Fate.IGNORED, text, harmless) for name, text, harmless in _IGNORED),
    *(Key(name, Fate.REFUSED, text, harmless) for name, text, harmless in _REFUSED),
)


def key_of(name: str) -> Key | None:
    """Return what is known of a key: the entry with the longest name that fits; None if none."""
    fitting = [key for key in KEYS if key.matches(name)]
    return max(fitting, key=lambda key: len(key.name), default=None)


def table() -> str:
    """Return the keys as a table in Markdown."""
    rows = "".join(f"| `{key.name}` | {key.fate.value} | {key.text} |\n" for key in KEYS)
    return f"| key | here | |\n|---|---|---|\n{rows}"
