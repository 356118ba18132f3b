"""Four-letter words: what a client port answers to the first four bytes of a connection.

The texts are parsed by monitors, so they are ZooKeeper's to the letter, its blank lines among
them. Source: the answers of a ZooKeeper 3.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from coordsvc.protocols.zookeeper.operators.facts import (
    LEADER,
    VERSION_TEXT,
    ConnectionFacts,
    Facts,
    Latency,
    ServerFacts,
    short_name_of,
)

BYTES: Final = 4
NOT_SERVING: Final = "This ZooKeeper instance is not currently serving requests\n"


def answer(word: str, facts: Facts, allowed: frozenset[str]) -> str:
    """Return what is to be sent before the connection is closed."""
    if word not in allowed:
        return f"{word} is not executed because it is not in the whitelist.\n"
    if word not in _ALWAYS and not facts.is_serving:
        return "null" if word == "isro" else NOT_SERVING
    return WORDS[word](facts)


def _ruok(_facts: Facts) -> str:
    return "imok"


def _isro(facts: Facts) -> str:
    return "ro" if facts.server().read_only else "rw"


def _srvr(facts: Facts) -> str:
    return f"Zookeeper version: {VERSION_TEXT}\n" + _summary(facts.server())


def _stat(facts: Facts) -> str:
    clients = "".join(f"{_client(each)})\n" for each in facts.connections())
    head = f"Zookeeper version: {VERSION_TEXT}\nClients:\n{clients}\n"
    return head + _summary(facts.server())


def _summary(server: ServerFacts) -> str:
    lines = [
        f"Latency min/avg/max: {_latency(server.latency)}",
        f"Received: {server.received}",
        f"Sent: {server.sent}",
        f"Connections: {server.connections}",
        f"Outstanding: {server.outstanding}",
        f"Zxid: {server.zxid:#x}",
        f"Mode: {'read-only' if server.read_only else server.mode}",
        f"Node count: {server.node_count}",
    ]
    if server.mode == LEADER:
        lines.append("Proposal sizes last/min/max: {}/{}/{}".format(*server.proposal_sizes))
    return _joined(lines)


def _latency(latency: Latency) -> str:
    return f"{latency.least}/{round(latency.average, 4)}/{latency.most}"


def _client(each: ConnectionFacts) -> str:
    """Return a connection as `stat` shows it, without the bracket that ends it."""
    return f" /{each.address}[1](queued={each.queued},recved={each.received},sent={each.sent}"


def _cons(facts: Facts) -> str:
    return "".join(f"{_client(each)},{_details(each)})\n" for each in facts.connections()) + "\n"


def _details(each: ConnectionFacts) -> str:
    return (
        f"sid={each.session:#x},lop={short_name_of(each.last_op)},est={each.established_ms},"
        f"to={each.timeout_ms},lcxid={each.last_xid:#x},lzxid={each.last_zxid:#x},"
        f"lresp={each.last_response_ms},llat={each.last_latency_ms},"
        f"minlat={each.latency.least},avglat={round(each.latency.average)},"
        f"maxlat={each.latency.most}"
    )


def _mntr(facts: Facts) -> str:
    return _joined(f"zk_{name}\t{value}" for name, value in facts.monitor().items())


def _conf(facts: Facts) -> str:
    lines = [f"{name}={value}" for name, value in facts.configuration().items()]
    members = facts.config_text()
    if members:
        lines += ["membership: ", members]
    return _joined(lines)


def _envi(facts: Facts) -> str:
    pairs = facts.environment().items()
    return _joined(["Environment:", *(f"{name}={value}" for name, value in pairs)])


def _dump(facts: Facts) -> str:
    sessions = facts.sessions()
    owners = [each for each in sessions if each.ephemerals]
    lines = [
        "SessionTracker dump:",
        f"Global Sessions({len(sessions)}):",
        *(f"{each.id:#x}\t{each.timeout_ms}ms" for each in sessions),
        "ephemeral nodes dump:",
        f"Sessions with Ephemerals ({len(owners)}):",
    ]
    for each in owners:
        lines += [f"{each.id:#x}:", *(f"\t{path}" for path in each.ephemerals)]
    connections = facts.connections()
    lines += ["Connections dump:", f"Connections Sets (1)/({len(connections)}):"]
    lines += (f"\tip: /{each.address} sessionId: {each.session:#x}" for each in connections)
    return _joined(lines)


def by_path(watches: Mapping[int, Sequence[str]]) -> dict[str, list[int]]:
    """Return who watches each path, from what each session watches."""
    found: dict[str, list[int]] = {}
    for session, paths in watches.items():
        for path in paths:
            found.setdefault(path, []).append(session)
    return found


def _wchs(facts: Facts) -> str:
    watches = facts.watches()
    total = sum(map(len, watches.values()))
    return (
        f"{len(watches)} connections watching {len(by_path(watches))} paths\n"
        f"Total watches:{total}\n"
    )


def _wchc(facts: Facts) -> str:
    return _listed((f"{each:#x}", paths) for each, paths in facts.watches().items())


def _wchp(facts: Facts) -> str:
    found = by_path(facts.watches())
    return _listed((path, [f"{each:#x}" for each in sessions]) for path, sessions in found.items())


def _listed(groups: Iterable[tuple[str, Sequence[str]]]) -> str:
    text = ""
    for head, members in groups:
        text += f"{head}\n" + "".join(f"\t{each}\n" for each in members)
    return text + "\n"


def _dirs(facts: Facts) -> str:
    return "datadir_size: {}\nlogdir_size: {}\n".format(*facts.folder_sizes())


def _crst(facts: Facts) -> str:
    facts.reset_connections()
    return "Connection stats reset.\n"


def _srst(facts: Facts) -> str:
    facts.reset_server()
    return "Server stats reset.\n"


def _joined(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


WORDS: Final[Mapping[str, Callable[[Facts], str]]] = {
    "ruok": _ruok,
    "isro": _isro,
    "srvr": _srvr,
    "stat": _stat,
    "mntr": _mntr,
    "conf": _conf,
    "cons": _cons,
    "envi": _envi,
    "dump": _dump,
    "wchs": _wchs,
    "wchc": _wchc,
    "wchp": _wchp,
    "dirs": _dirs,
    "crst": _crst,
    "srst": _srst,
}
_ALWAYS: Final = frozenset({"ruok", "envi"})
"""What is answered without a leader too."""
