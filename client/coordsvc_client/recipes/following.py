"""A local copy of a part of the tree, kept up to date by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

from coordsvc_client.chroot import join
from coordsvc_client.client import TreeClient
from coordsvc_client.errors import CoordError, NoNode
from coordsvc_client.model import Event, EventKind, Node, stat_of
from coordsvc_client.wire import codes

PAUSE_S = 0.5
"""Before another attempt to read everything again, when one has failed."""


async def read_children(client: TreeClient, path: str) -> tuple[dict[str, Node], int]:
    """Return the children of `path` with their data, by path, and a revision to follow on from.

    Pages can be read at different revisions; the oldest is returned, so that nothing is missed.
    """
    nodes: dict[str, Node] = {}
    oldest = 0
    try:
        async for page, revision in client.pages(path, data=True):
            oldest = min(oldest or revision, revision)
            for item in page:
                name, data, stat = cast("tuple[str, bytes | None, object]", item)
                child = join(path, name)
                nodes[child] = Node(child, data or b"", stat_of(stat))
    except NoNode:
        revision = client.revision
        if await client.exists(path) is not None:
            return await read_children(client, path)
        return {}, revision
    return nodes, oldest


def apply(nodes: dict[str, Node], event: Event) -> bool:
    """Bring a copy up to date with one event; tell whether anything changed."""
    if event.kind is EventKind.DELETED:
        return nodes.pop(event.path, None) is not None
    assert event.stat is not None, "an event about a node that is there has its stat"
    known = nodes.get(event.path)
    if known is not None and known.stat.mzxid >= event.stat.mzxid:
        return False
    nodes[event.path] = Node(event.path, event.data or b"", event.stat)
    return True


async def follow_children(client: TreeClient, path: str) -> AsyncIterator[dict[str, Node]]:
    """Yield the children of `path` by path: as they are, and again after each change.

    What changes while the caller is busy is put together. After a cut in the history everything
    is read again. The dictionary is the caller's.
    """
    while True:
        try:
            nodes, revision = await read_children(client, path)
        except CoordError as error:
            if not error.retryable and error.code != codes.CURSOR_LOST:
                raise
            await asyncio.sleep(PAUSE_S)
            continue
        yield dict(nodes)
        changed = False
        async with client.watch(path, recursive=True, since=revision) as events:
            async for event in events:
                if event.kind is EventKind.RESYNC:
                    break
                parent, _, name = event.path.rpartition("/")
                if name and parent == path.rstrip("/"):
                    changed = apply(nodes, event) or changed
                if changed and not events.pending():
                    changed = False
                    yield dict(nodes)
