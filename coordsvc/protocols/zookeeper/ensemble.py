"""The ensemble as ZooKeeper writes it down: server numbers, /zookeeper/config, reconfig.

A server's number is the one at the end of its node's name, so that `n3` is server.3; where two
names end alike, or there is none, it is a checksum of the name. There is no port for elections; one
is given all the same, as far from the other as usual, for ZooKeeper's library refuses equal ones.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coordsvc.base.ids import Index, NodeId
from coordsvc.protocols.zookeeper.operators.facts import MemberFacts
from coordsvc.raft.messages import MemberInfo, Membership
from coordsvc.replica.changes import MembersChange
from coordsvc.replica.members import MembersView

PARTICIPANT: Final = "participant"
OBSERVER: Final = "observer"
NUMBER_MAX: Final = 2**31 - 1
_AT_END: Final = re.compile(r".*?([0-9]{1,9})")
_SERVER: Final = re.compile(
    r"server\.(?P<number>[0-9]{1,9})="
    r"(?P<host>\[[^\]]+\]|[^:;\s]+):(?P<quorum>[0-9]{1,5}):(?P<election>[0-9]{1,5})"
    r"(?::(?P<role>[a-z]+))?"
    r"(?:;(?:(?P<client_host>\[[^\]]+\]|[^:;\s]+):)?(?P<client_port>[0-9]{1,5}))?"
)
_EVERYWHERE: Final = frozenset({"0.0.0.0", "[::]"})
HTTP_PORT_ABOVE: Final = 6_000
ELECTION_ABOVE: Final = 1_000
PORT_MAX: Final = 65_535


class BadConfigError(Exception):
    """What is asked for is not a change of an ensemble. The text says why."""


@dataclass(frozen=True, slots=True)
class Reconfig:
    """A request to change the ensemble. Empty lists of text are None in one of the two forms."""

    joining: str | None
    leaving: str | None
    new_members: str | None
    from_config: Index
    """Which configuration it is meant for; -1: whichever is in force."""


@dataclass(frozen=True, slots=True)
class ServerLine:
    """One `server.N=...`."""

    number: int
    peer: str
    client: str
    """host:port; empty if it is not given."""
    role: str


def numbers_of(names: Sequence[NodeId]) -> dict[NodeId, int]:
    """Return the number of each server, all of them different and above 0."""
    ends = {name: _AT_END.fullmatch(name) for name in names}
    wanted = {name: int(end[1]) if end is not None else 0 for name, end in ends.items()}
    counts = Counter(wanted.values())
    return {
        name: number if number and counts[number] == 1 else zlib.crc32(name.encode()) & NUMBER_MAX
        for name, number in wanted.items()
    }


def name_of(number: int) -> NodeId:
    """Return the name of the node that a new server of this number becomes."""
    return f"n{number}"


def members_of(view: MembersView, addresses: Mapping[NodeId, tuple[str, str]]) -> list[MemberFacts]:
    """Return the members in order of number; `addresses` are their (peer, client) addresses."""
    numbers = numbers_of([each.info.name for each in view.members])
    found = [
        MemberFacts(
            numbers[each.info.name],
            *addresses[each.info.name],
            PARTICIPANT if each.votes else OBSERVER,
        )
        for each in view.members
    ]
    return sorted(found, key=lambda each: each.number)


def config_text(members: Sequence[MemberFacts], revision: Index) -> str:
    """Return the data of /zookeeper/config; empty for a server alone, as in ZooKeeper."""
    if len(members) < 2:
        return ""
    lines = [
        f"server.{each.number}={each.peer}:{_election_port(each.peer)}:{each.role};{each.client}"
        for each in members
    ]
    return "\n".join([*lines, f"version={revision:x}"])


def _election_port(peer: str) -> int:
    port = int(peer.rpartition(":")[2])
    return port + ELECTION_ABOVE if port + ELECTION_ABOVE <= PORT_MAX else port - ELECTION_ABOVE


def server_line_of(text: str) -> ServerLine:
    """Read `server.N=host:quorum:election[:role][;[host:]client]`.

    Raises:
        BadConfigError: it is not of that form.

    """
    found = _SERVER.fullmatch(text.strip())
    if found is None:
        raise BadConfigError(f"{text!r} is not server.N=host:port:port[:role][;client]")
    role = found["role"] or PARTICIPANT
    if role not in {PARTICIPANT, OBSERVER}:
        raise BadConfigError(f"{role!r} is neither {PARTICIPANT} nor {OBSERVER}")
    ports = [int(found[name]) for name in ("quorum", "election", "client_port") if found[name]]
    if int(found["number"]) == 0 or not all(0 < port <= PORT_MAX for port in ports):
        raise BadConfigError(f"{text!r}: a number or a port is out of range")
    client = ""
    if found["client_port"]:
        listed = found["client_host"]
        host = found["host"] if listed is None or listed in _EVERYWHERE else listed
        client = f"{host}:{found['client_port']}"
    return ServerLine(int(found["number"]), f"{found['host']}:{found['quorum']}", client, role)


def change_of(membership: Membership, request: Reconfig) -> MembersChange:
    """Return the change of members that a reconfig asks for.

    Who is there already keeps its address, which it is itself the authority on; of an observer
    it may be asked that it becomes a participant.

    Raises:
        BadConfigError: it is malformed, names nobody, or asks for what cannot be done.

    """
    known = [*membership.voters, *membership.learners]
    by_number = {number: name for name, number in numbers_of(known).items()}
    if request.new_members:
        if request.joining or request.leaving:
            raise BadConfigError("give either a whole list, or who joins and who leaves")
        lines = [server_line_of(part) for part in _split(request.new_members)]
        wanted = {line.number for line in lines}
        leaving = [name for number, name in sorted(by_number.items()) if number not in wanted]
    else:
        lines = [server_line_of(part) for part in _split(request.joining or "")]
        leaving = [_leaver(part, by_number) for part in _split(request.leaving or "")]
        leaving = [name for name in leaving if name]
    if not (request.new_members or request.joining or request.leaving):
        raise BadConfigError("nobody is named")
    if len({line.number for line in lines}) < len(lines):
        raise BadConfigError("a server is named twice")
    add, promote = _comers(lines, by_number, membership)
    return MembersChange(tuple(add), tuple(promote), tuple(leaving), request.from_config)


def _comers(
    lines: Sequence[ServerLine], by_number: Mapping[int, NodeId], membership: Membership
) -> tuple[list[MemberInfo], list[NodeId]]:
    add: list[MemberInfo] = []
    promote: list[NodeId] = []
    for line in lines:
        name = by_number.get(line.number)
        if name is None:
            votes = line.role == PARTICIPANT
            http = _http_beside(line)
            add.append(MemberInfo(name_of(line.number), 0, line.peer, line.client, http, votes))
        elif line.role == PARTICIPANT and name in membership.learners:
            promote.append(name)
        elif line.role == OBSERVER and name in membership.voters:
            raise BadConfigError(f"server.{line.number} votes: remove it, then add it as observer")
    return add, promote


def _leaver(text: str, by_number: Mapping[int, NodeId]) -> NodeId:
    """Return who leaves; nobody if there is no such server, which is no fault in ZooKeeper."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise BadConfigError(f"{text!r} is not the number of a server")
    return by_number.get(int(digits), "")


def _http_beside(line: ServerLine) -> str:
    host, _, port = line.client.rpartition(":")
    above = int(port) + HTTP_PORT_ABOVE if port else 0
    return f"{host}:{above}" if 0 < above <= PORT_MAX else ""


def _split(text: str) -> list[str]:
    return [part for part in text.replace("\n", ",").split(",") if part.strip()]
