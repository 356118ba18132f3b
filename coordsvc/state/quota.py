"""Quotas: how many nodes and bytes a subtree may hold. The rules and texts are ZooKeeper's.

The quota of /p is two nodes that clients create: its limits, and its stats, whose data is kept
true in silence: no version, no event. There is nothing beside these nodes, so nothing to undo or
to restore. The nearest quota at or above a node is the one that counts. Hard limits are kept;
of soft ones the stats tell, and a node says in its log where they are exceeded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from coordsvc.base import paths
from coordsvc.state.znode import Znode

QUOTA: Final = "/zookeeper/quota"
_LIMITS: Final = "/zookeeper_limits"
_STATS: Final = "/zookeeper_stats"
NO_LIMIT: Final = -1
_NUMBER_DIGITS_MAX: Final = 19


class Usage(NamedTuple):
    """What a subtree holds: nodes, its top among them, and bytes of data."""

    node_count: int
    data_bytes: int

    def text(self) -> bytes:
        """Return it as the data of the stats."""
        return f"count={self.node_count},bytes={self.data_bytes}".encode()


class Limits(NamedTuple):
    """What it may hold; NO_LIMIT: any number."""

    node_count: int
    data_bytes: int


def is_in_use(nodes: Mapping[str, Znode]) -> bool:
    """Tell whether there can be any quota at all."""
    top = nodes.get(QUOTA)
    return top is not None and top.children is not None


def watched_by(path: str) -> str | None:
    """Return the path whose stats a node holds; None for every other node."""
    if path.startswith(QUOTA) and path.endswith(_STATS):
        return path[len(QUOTA) : -len(_STATS)] or None
    return None


def stats_path_for(nodes: Mapping[str, Znode], path: str) -> str | None:
    """Return the path of the stats that a change of the node at `path` changes; None if none.

    A quota is in force when both its limits and its stats are there.
    """
    while path != paths.ROOT:
        place = QUOTA + path
        if place + _LIMITS in nodes:
            return place + _STATS if place + _STATS in nodes else None
        path = paths.parent_of(path)
    return None


def usage_of(nodes: Mapping[str, Znode], path: str) -> Usage:
    """Count a subtree; it may be empty."""
    count = size = 0
    to_visit = [path] if path in nodes else []
    while to_visit:
        node = nodes[to_visit.pop()]
        count += 1
        size += len(node.data or b"")
        to_visit += node.children or ()
    return Usage(count, size)


def usage_in(stats: Znode) -> Usage:
    """Return what the stats of a quota say."""
    numbers = _numbers_of(stats.data)
    return Usage(numbers.get("count", 0), numbers.get("bytes", 0))


def is_exceeded(nodes: Mapping[str, Znode], path: str, *, count: int, data_bytes: int) -> bool:
    """Tell whether a hard limit forbids so many more nodes and bytes at `path`.

    What shrinks or stays is never forbidden.
    """
    stats_path = stats_path_for(nodes, path)
    if stats_path is None:
        return False
    used = usage_in(nodes[stats_path])
    hard = _hard_limits_in(nodes[stats_path[: -len(_STATS)] + _LIMITS])
    too_many = count > 0 and NO_LIMIT < hard.node_count < used.node_count + count
    too_large = data_bytes > 0 and NO_LIMIT < hard.data_bytes < used.data_bytes + data_bytes
    return too_many or too_large


def soft_excess(nodes: Mapping[str, Znode]) -> Iterator[tuple[str, str]]:
    """Yield each path whose subtree holds more than its soft limits allow, and how much."""
    to_visit = [QUOTA] if QUOTA in nodes else []
    while to_visit:
        place = to_visit.pop()
        to_visit += nodes[place].children or ()
        path = watched_by(place)
        limits = None if path is None else nodes.get(f"{QUOTA}{path}{_LIMITS}")
        if path is None or limits is None:
            continue
        used, soft = usage_in(nodes[place]), _numbers_of(limits.data)
        for name, amount in (("count", used.node_count), ("bytes", used.data_bytes)):
            limit = soft.get(name, NO_LIMIT)
            if NO_LIMIT < limit < amount:
                yield path, f"{name} {amount} of {limit}"


def _hard_limits_in(limits: Znode) -> Limits:
    numbers = _numbers_of(limits.data)
    return Limits(numbers.get("countHardLimit", NO_LIMIT), numbers.get("byteHardLimit", NO_LIMIT))


def _numbers_of(data: bytes | None) -> dict[str, int]:
    """Read `count=1,bytes=2=;byteHardLimit=3;countHardLimit=4`; leave out what is no number."""
    numbers: dict[str, int] = {}
    text = (data or b"").decode(errors="replace")
    for part in text.replace(";", ",").split(","):
        name, _, rest = part.partition("=")
        digits = rest.partition("=")[0]
        unsigned = digits.removeprefix("-")
        if unsigned.isascii() and unsigned.isdigit() and len(unsigned) <= _NUMBER_DIGITS_MAX:
            numbers[name.strip()] = int(digits)
    return numbers
