"""The short way of the most frequent command: SET of bytes, any version, no guards.

It does what the general way does without the objects between: about 3.6 µs for an entry instead
of 4.5, on every replica (`commands.plain_set` recognises it). `test_quick.py` holds the two ways
against each other.
"""

from __future__ import annotations

from coordsvc.base.ids import Index, Millis
from coordsvc.base.vocabulary import ops
from coordsvc.state import quota
from coordsvc.state.events import Event
from coordsvc.state.tree import Tree


def set_plainly(
    tree: Tree, path: str, data: bytes, revision: Index, time_ms: Millis
) -> Event | None:
    """Set the data of a node that nobody else has an eye on; None if the general way is needed.

    That is so when there is no such node, when a snapshot or a transaction must see it first,
    when its ACL is to be asked, when it is of a kind that follows from being set, or when there
    are quotas.
    """
    nodes = tree.nodes
    node = nodes.get(path)
    if node is None or node.acl is not None or tree.is_observed or node.kind == ops.TTL:
        return None
    quotas = nodes.get(quota.QUOTA)
    if quotas is not None and quotas.children:
        return None
    node.data = data
    node.version += 1
    node.mzxid = revision
    node.mtime = time_ms
    return Event(ops.CHANGED, path, revision, node.stat(), data)
