"""From the pairs of a zoo.cfg to the options of a node. No file is read here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

from coordsvc.base import limits
from coordsvc.protocols.zookeeper.jute import FRAME_BYTES_MAX
from coordsvc.protocols.zookeeper.operators.words import WORDS
from coordsvc.server.addresses import HTTP_PORT, PORT_MAX, Address, address_of
from coordsvc.server.tls import NONE, OPTIONAL, REQUIRED
from coordsvc.server.zoocfg.keys import Fate, key_of
from coordsvc.server.zoocfg.servers import (
    OBSERVER,
    EnsembleServer,
    id_of,
    node_name_of,
    server_of,
)

TICK_MS: Final = 3_000
"""What ZooKeeper takes without tickTime."""
CONNECTIONS_PER_HOST: Final = 60
CONNECTIONS_MAX: Final = 10**6
ADMIN_PORT: Final = 8_080
METRICS_PORT: Final = 7_000
PEER_PORT_ABOVE: Final = 100
HTTP_PORT_ABOVE: Final = 6_000
OWN_FOLDER: Final = "coordsvc"
EVERYWHERE: Final = "0.0.0.0"
LOOPBACK: Final = "127.0.0.1"
_WHITELIST: Final = "4lw.commands.whitelist"
_FRAME_BYTES: Final = (64 * limits.KIB, limits.FRAME_BYTES_MAX - limits.KIB)
_CLIENT_AUTH: Final = {"none": NONE, "want": OPTIONAL, "need": REQUIRED}
_SNAPSHOT_ENTRIES: Final = (100, 10**9)
_SNAPSHOT_BYTES: Final = (limits.MIB, 10**12)


@dataclass(slots=True)
class Translation:
    """What a zoo.cfg comes to: options as texts, by name, and what there is to say about it."""

    options: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What an operator should know about how the file was read."""
    faults: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        """Something asked for is not done."""
        self.warnings.append(text)


def translate(pairs: Mapping[str, str], *, my_id: str | None, hostname: str) -> Translation:
    """Return the options that `pairs` come to.

    Args:
        pairs: keys and values, those of the dynamic file among them.
        my_id: what the file myid holds; None if there is none.
        hostname: of this machine: where a lone server that listens everywhere is reached.

    """
    result = Translation()
    for name, value in pairs.items():
        _judge(result, name, value)
    reader = _Reader(pairs, result)
    reader.folder()
    reader.session_timeouts()
    reader.snapshots()
    reader.operators()
    reader.identities()
    reader.tls()
    reader.places(my_id, hostname)
    return result


def _judge(result: Translation, name: str, value: str) -> None:
    key = key_of(name)
    if key is None:
        result.warn(f"{name}: not known here, and ignored")
    elif value.lower() in key.harmless or key.fate in {Fate.HONOURED, Fate.NEEDLESS}:
        return
    elif key.fate is Fate.REFUSED:
        result.faults.append(f"{name} = {value}: {key.text}")
    else:
        result.warn(f"{name} = {value}: ignored; {key.text}")


class _Reader:
    """Reads what is honoured, subject by subject."""

    def __init__(self, pairs: Mapping[str, str], result: Translation) -> None:
        self._pairs = pairs
        self._result = result

    def _number(self, name: str, default: int) -> int:
        text = self._pairs.get(name, "")
        try:
            return int(text, 16 if text.lower().startswith("0x") else 10) if text else default
        except ValueError:
            self._result.faults.append(f"{name} = {text}: is not a whole number")
            return default

    def _clamped(self, name: str, value: int, bounds: tuple[int, int]) -> int:
        clamped = min(max(value, bounds[0]), bounds[1])
        if clamped != value:
            self._result.warn(f"{name} = {value}: {clamped} is taken")
        return clamped

    def _switch(self, name: str) -> bool:
        return self._pairs.get(name, "").lower() in {"true", "yes"}

    def folder(self) -> None:
        """Where the data go: beside ZooKeeper's own, never among them."""
        folder = self._pairs.get("dataDir")
        if folder is None:
            self._result.faults.append("dataDir is not set")
        else:
            self._result.options["data-dir"] = str(PurePath(folder) / OWN_FOLDER)

    def session_timeouts(self) -> None:
        """Between which bounds a client may choose."""
        bounds = limits.SESSION_TIMEOUT_MS_MIN, limits.SESSION_TIMEOUT_MS_MAX
        tick = self._number("tickTime", TICK_MS)
        found: list[int] = []
        for name, ticks in (("minSessionTimeout", 2), ("maxSessionTimeout", 20)):
            value = self._number(name, -1)
            origin = name if value != -1 else f"{name} ({ticks} times tickTime)"
            found.append(self._clamped(origin, value if value != -1 else ticks * tick, bounds))
        least, most = found
        if least > most:
            self._result.faults.append(
                f"minSessionTimeout {least} must not be larger than maxSessionTimeout {most}"
            )
            return
        self._result.options |= {
            "zookeeper-timeout-min-ms": str(least),
            "zookeeper-timeout-max-ms": str(most),
        }

    def snapshots(self) -> None:
        """How often they are taken."""
        if "snapCount" in self._pairs:
            count = self._number("snapCount", limits.SNAPSHOT_EVERY_ENTRIES)
            entries = self._clamped("snapCount", count, _SNAPSHOT_ENTRIES)
            self._result.options["snapshot-every-entries"] = str(entries)
        size = self._number("snapSizeLimitInKb", 0)
        if size > 0:
            in_bytes = self._clamped("snapSizeLimitInKb", size * limits.KIB, _SNAPSHOT_BYTES)
            self._result.options["snapshot-every-bytes"] = str(in_bytes)

    def operators(self) -> None:
        """What operators may ask, and where; how much one client may take."""
        options, pairs = self._result.options, self._pairs
        per_host = self._number("maxClientCnxns", CONNECTIONS_PER_HOST)
        bounds = (0, CONNECTIONS_MAX)
        options["connections-per-host-max"] = str(self._clamped("maxClientCnxns", per_host, bounds))
        options["zookeeper-read-only"] = str(self._switch("readonlymode.enabled")).lower()
        if "jute.maxbuffer" in pairs:
            size = self._number("jute.maxbuffer", FRAME_BYTES_MAX)
            size = self._clamped("jute.maxbuffer", size, _FRAME_BYTES)
            options["zookeeper-frame-bytes-max"] = str(size)
        self._words()
        if "admin.serverPort" in pairs and pairs.get("admin.enableServer", "").lower() != "false":
            host = pairs.get("admin.serverAddress", EVERYWHERE)
            self._door(
                "zookeeper-admin-address", host, self._number("admin.serverPort", ADMIN_PORT)
            )
        if "Prometheus" in pairs.get("metricsProvider.className", ""):
            host = pairs.get("metricsProvider.httpHost", EVERYWHERE)
            port = self._number("metricsProvider.httpPort", METRICS_PORT)
            self._door("zookeeper-metrics-address", host, port)

    def _words(self) -> None:
        """Which four-letter words are answered; an unknown one is no fault, as in ZooKeeper."""
        wanted = [part.strip() for part in self._pairs.get(_WHITELIST, "").split(",")]
        known = [word for word in wanted if word in WORDS or word == "*"]
        unknown = [word for word in wanted if word and word not in known]
        if unknown:
            self._result.warn(f"{_WHITELIST}: {', '.join(unknown)} not known here")
        if _WHITELIST in self._pairs:
            self._result.options["zookeeper-words"] = ",".join(known)

    def _door(self, option: str, host: str, port: int) -> None:
        address = self._checked(option, lambda: address_of(f"{_bracketed(host)}:{port}"))
        if address is not None:
            self._result.options[option] = str(address)

    def identities(self) -> None:
        """Whom no access rule stops."""
        options, pairs = self._result.options, self._pairs
        digest = pairs.get("DigestAuthenticationProvider.superDigest")
        if digest:
            options["zookeeper-super-digest"] = digest
        names = ("superUser", "X509AuthenticationProvider.superUser")
        supers = [pairs[name] for name in names if pairs.get(name)]
        if supers:
            options["super-users"] = ";".join(supers)

    def tls(self) -> None:
        """The port for clients that speak TLS."""
        port = self._number("secureClientPort", 0)
        if not port:
            return
        options, pairs = self._result.options, self._pairs
        host = pairs.get("secureClientPortAddress", EVERYWHERE)
        self._door("tls-client-address", host, port)
        for key, option in (
            ("ssl.keyStore.location", "tls-certificate-file"),
            ("ssl.trustStore.location", "tls-client-ca-file"),
        ):
            file = pairs.get(key, "")
            if file and not file.endswith(".pem"):
                self._result.faults.append(f"{key} = {file}: is not PEM; convert it with keytool")
            if file:
                options[option] = file
        if pairs.get("ssl.keyStore.passwordPath"):
            options["tls-key-password-file"] = pairs["ssl.keyStore.passwordPath"]
        wanted = pairs.get("ssl.clientAuth", "need").lower()
        if wanted not in _CLIENT_AUTH:
            self._result.faults.append(f"ssl.clientAuth = {wanted}: is none, want or need")
        options["tls-client-certificates"] = _CLIENT_AUTH.get(wanted, REQUIRED)

    def places(self, my_id: str | None, hostname: str) -> None:
        """Who the members are, and where this one listens."""
        servers = list(self._servers())
        participants = [each for each in servers if each.role != OBSERVER]
        for server in servers:
            if server.others:
                self._result.warn(
                    f"server.{server.id}: of its addresses only {server.quorum} is used"
                )
        own = self._own(servers, participants, my_id)
        listed = own.client if own is not None else None
        client = self._client_address(listed)
        if client is None or self._result.faults:
            return
        ensemble = own is not None and len(servers) > 1
        if ensemble and own is not None:
            self._ensemble(own, participants, client)
        else:
            self._alone(own, client, hostname)
        self._open_doors()

    def _servers(self) -> Iterator[EnsembleServer]:
        for name, value in sorted(self._pairs.items()):
            if not name.startswith("server."):
                continue
            try:
                yield server_of(name.removeprefix("server."), value)
            except ValueError as error:
                self._result.faults.append(f"{name} = {value}: {error}")

    def _own(
        self,
        servers: list[EnsembleServer],
        participants: list[EnsembleServer],
        my_id: str | None,
    ) -> EnsembleServer | None:
        """Return the line of this server; None if there is none, or it cannot be told."""
        faults = self._result.faults
        if not servers:
            return None
        if my_id is None:
            if len(servers) == 1:
                return servers[0]
            faults.append("there is no file myid in dataDir: it says which server this is")
            return None
        try:
            number = id_of(my_id)
        except ValueError as error:
            faults.append(f"myid: {error}")
            return None
        own = next((server for server in servers if server.id == number), None)
        if own is None:
            faults.append(f"myid is {number}, but there is no server.{number}")
        elif own not in participants or self._pairs.get("peerType", "").lower() == OBSERVER:
            self._result.options["join"] = "true"
            self._result.warn(
                f"server.{number} is an observer: it waits until it is added, by coordctl members "
                "add --learner or by reconfig"
            )
        return own

    def _client_address(self, listed: Address | None) -> Address | None:
        """Return where to listen for clients, from the server's line or from clientPort."""
        port = self._number("clientPort", 0)
        if listed is not None and port and listed.port != port:
            self._result.faults.append(
                f"clientPort {port} is not that of this server's own line, {listed.port}"
            )
        if listed is not None:
            return listed
        if not port:
            self._result.faults.append("clientPort is not set")
            return None
        host = self._pairs.get("clientPortAddress", EVERYWHERE)
        return self._checked("clientPort", lambda: address_of(f"{_bracketed(host)}:{port}"))

    def _checked(self, name: str, make: Callable[[], Address]) -> Address | None:
        try:
            return make()
        except ValueError as error:
            self._result.faults.append(f"{name}: {error}")
            return None

    def _alone(self, own: EnsembleServer | None, client: Address, hostname: str) -> None:
        name = own.name if own is not None else node_name_of(1)
        peer = Address(LOOPBACK, _above(client.port, PEER_PORT_ABOVE))
        self._result.options |= {
            "node": name,
            "client-address": str(client),
            "peer-address": str(peer),
            "http-address": str(Address(LOOPBACK, _http_port(client.port))),
        }
        if client.is_everywhere:
            host = own.quorum.host if own is not None else hostname
            self._result.options["advertise-client"] = str(Address(host, client.port))

    def _ensemble(
        self, own: EnsembleServer, participants: list[EnsembleServer], client: Address
    ) -> None:
        listen_all = self._switch("quorumListenOnAllIPs")
        peer = Address(EVERYWHERE, own.quorum.port) if listen_all else own.quorum
        ports = self._client_ports(own, participants, client.port)
        self._result.options |= {
            "node": own.name,
            "client-address": str(client),
            "peer-address": str(peer),
            "http-address": str(Address(client.host, _http_port(client.port))),
            "members": ",".join(_member_text(each, ports[each.id]) for each in participants),
        }
        if own not in participants:  # nothing in the members says where it is reached
            host = own.quorum.host
            self._result.options |= {
                "advertise-client": str(Address(host, client.port)),
                "advertise-peer": str(own.quorum),
                "advertise-http": str(Address(host, _http_port(client.port))),
            }

    def _client_ports(
        self, own: EnsembleServer, servers: list[EnsembleServer], own_port: int
    ) -> dict[int, int]:
        """Return the client port of each server: as its line says, or the same as here.

        Several servers on one host cannot share a port. Then the ports are taken to follow the
        numbers, as in ZooKeeper's own example of an ensemble on one machine.
        """
        silent = [each for each in servers if each.client is None]
        hosts = [each.quorum.host for each in silent]
        count = len(set(hosts)) < len(hosts)
        ports = {
            each.id: each.client.port
            if each.client is not None
            else own_port + (each.id - own.id if count else 0)
            for each in servers
        }
        if count:
            told = ", ".join(f"{server}: {port}" for server, port in ports.items())
            self._result.warn(
                f"several servers share a host, and their client ports are taken to be {told}; "
                "say otherwise with server.N=...;PORT"
            )
        return ports

    def _open_doors(self) -> None:
        """Accept what the file asks for: ports that others can reach, without TLS."""
        options = self._result.options
        doors = [
            text
            for name, text in options.items()
            if name.endswith("-address") and name != "tls-client-address"
        ]
        opened = [door for door in doors if not address_of(door).is_loopback]
        if opened:
            options["insecure"] = "true"
            self._result.warn(
                f"{', '.join(opened)}: open to other machines without TLS, as this file asks; "
                "anybody who reaches these ports controls the cluster"
            )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _above(port: int, distance: int) -> int:
    return port + distance if port + distance <= PORT_MAX else port - distance


def _http_port(client_port: int) -> int:
    port = client_port + HTTP_PORT_ABOVE
    return port if port <= PORT_MAX else HTTP_PORT


def _member_text(server: EnsembleServer, client_port: int) -> str:
    """Return a member as the option `members` has it."""
    listed = server.client
    host = server.quorum.host if listed is None or listed.is_everywhere else listed.host
    client = Address(host, client_port)
    http = Address(server.quorum.host, _http_port(client_port))
    return f"{server.name}={server.quorum}/{client}/{http}"
