"""Answers of the native protocol as fields with names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from coordsvc.base.vocabulary import messages, ops

Fields: TypeAlias = dict[str, object]
Stat: TypeAlias = dict[str, int]
Claims: TypeAlias = list[Fields]

KINDS: Final = {
    ops.PERSISTENT: "persistent",
    ops.EPHEMERAL: "ephemeral",
    ops.CONTAINER: "container",
    ops.TTL: "ttl",
}
EVENTS: Final = {
    0: "resync",
    ops.CREATED: "created",
    ops.DELETED: "deleted",
    ops.CHANGED: "changed",
}


def array(value: object) -> list[object]:
    """Return a value that is an array by the protocol."""
    assert isinstance(value, list), f"the protocol has an array here, not {value!r}"
    return cast("list[object]", value)


def number(value: object) -> int:
    """Return a value that is a number by the protocol."""
    assert isinstance(value, int), f"the protocol has a number here, not {value!r}"
    return value


def data(value: object) -> bytes | None:
    """Return a value that is data, or nothing, by the protocol."""
    assert value is None or isinstance(value, bytes), f"this is no data: {value!r}"
    return value


def stat(value: object) -> Stat:
    """Return the numbers of a node by their names; those of a later version are left out."""
    numbers = array(value)
    return {name: number(part) for name, part in zip(messages.STAT_FIELDS, numbers, strict=False)}


def shown_stat(numbers: Stat) -> Fields:
    """Return the numbers of a node as commands print them."""
    return {
        "revision": numbers["mzxid"],
        "created_revision": numbers["czxid"],
        "children_revision": numbers["pzxid"],
        "version": numbers["version"],
        "children_version": numbers["cversion"],
        "created_ms": numbers["ctime"],
        "modified_ms": numbers["mtime"],
        "kind": KINDS.get(numbers["kind"], str(numbers["kind"])),
        "owner": session_name(numbers["owner"]) if numbers["owner"] else None,
        "ttl_ms": numbers["ttl_ms"] or None,
        "size": numbers["data_length"],
        "children": numbers["num_children"],
    }


def session_name(session: int) -> str:
    """Return a session's number as people see it everywhere: in hexadecimal."""
    return f"{session:#x}"


@dataclass(frozen=True, slots=True)
class Lock:
    """Who holds a lock, and who waits for it in which order."""

    path: str
    holders: Claims
    queue: Claims
    free_at_ms: int
    holding: int
    waiting: int

    def fields(self) -> Fields:
        """Return it as JSON has it."""
        return {
            "path": self.path,
            "holders": self.holders,
            "queue": self.queue,
            "free_at_ms": self.free_at_ms,
            "holding": self.holding,
            "waiting": self.waiting,
        }


def lock(value: object) -> Lock:
    """Return a lock with its holders and its queue."""
    path, holders, queue, free_at, *counts = array(value)
    holds = [claim(part) for part in array(holders)]
    waits = [claim(part) for part in array(queue)]
    holding, waiting = map(number, counts[:2] or (len(holds), len(waits)))  # none: an older server
    return Lock(str(path), holds, waits, number(free_at), holding, waiting)


def claim(value: object) -> Fields:
    """Return one claim on a lock."""
    fields: Fields = dict(zip(messages.CLAIM_FIELDS, array(value), strict=False))
    fields["session"] = session_name(number(fields["session"]))
    return fields


def session(value: object) -> Fields:
    """Return one session."""
    fields: Fields = dict(zip(messages.SESSION_FIELDS, array(value), strict=False))
    fields["session"] = session_name(number(fields["session"]))
    return fields
