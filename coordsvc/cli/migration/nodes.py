"""Nodes as ZooKeeper's protocol tells of them: asked for in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from coordsvc.cli.migration.zkclient import Reply, Request
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.jute import Reader, pack_string
from coordsvc.protocols.zookeeper.records import (
    AclEntry,
    Stat,
    pack_path_watch,
    read_acl,
    read_stat,
)


class Asks(Protocol):
    """Whoever answers requests in order."""

    def ask(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the answers to requests, in their order."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A node without its data: its numbers, and the paths of its children in order of name."""

    stat: Stat
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What a node holds. Each part is None with the error that stood in its way."""

    data: bytes | None
    acl: tuple[AclEntry, ...] | None
    error: int = numbers.OK
    """Of reading the data."""
    acl_error: int = numbers.OK


def child_of(path: str, name: str) -> str:
    """Return the path of a child."""
    return f"/{name}" if path == "/" else f"{path}/{name}"


def list_nodes(client: Asks, paths: Sequence[str]) -> list[Listed | int]:
    """Return numbers and children of nodes, or the error in their place."""
    replies = client.ask(
        [Request(numbers.GET_CHILDREN2, pack_path_watch(path, False)) for path in paths]
    )
    return [
        reply.error or _listed(path, reply.body) for path, reply in zip(paths, replies, strict=True)
    ]


def _listed(path: str, body: Reader) -> Listed:
    names = body.read_vector(Reader.read_text) or []
    return Listed(read_stat(body), tuple(child_of(path, name) for name in sorted(names)))


def read_contents(client: Asks, paths: Sequence[str]) -> list[Content]:
    """Return data and access rules of nodes."""
    requests: list[Request] = []
    for path in paths:
        requests.append(Request(numbers.GET_DATA, pack_path_watch(path, False)))
        requests.append(Request(numbers.GET_ACL, pack_string(path)))
    replies = client.ask(requests)
    return [_content(data, acl) for data, acl in zip(replies[::2], replies[1::2], strict=True)]


def _content(data: Reply, acl: Reply) -> Content:
    return Content(
        None if data.error else data.body.read_buffer(),
        None if acl.error else tuple(read_acl(acl.body) or ()),
        data.error,
        acl.error,
    )


def stats_of(client: Asks, paths: Sequence[str]) -> list[Stat | int]:
    """Return the numbers of nodes, or the error in their place."""
    replies = client.ask([Request(numbers.EXISTS, pack_path_watch(path, False)) for path in paths])
    return [reply.error or read_stat(reply.body) for reply in replies]


def in_batches(paths: Iterable[str], size: int) -> list[list[str]]:
    """Return `paths` cut into lists of at most `size`."""
    listed = list(paths)
    return [listed[at : at + size] for at in range(0, len(listed), size)]
