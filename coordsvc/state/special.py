"""The nodes that ZooKeeper's clients expect. They come with the first such client."""

from __future__ import annotations

from typing import Final

from coordsvc.state.acl import READ, acl_of
from coordsvc.state.quota import QUOTA
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Turn
from coordsvc.state.znode import Znode

ZOOKEEPER: Final = "/zookeeper"
CONFIG: Final = "/zookeeper/config"
"""Its data is not in the tree: it says who the members are."""


def plant(turn: Turn, tree: Tree) -> None:
    """Add to `tree` what is missing of them. Nobody created them, so all their numbers are 0.

    So the root starts with a cversion of -1, and /zookeeper with -2, as ZooKeeper's do.
    """
    for path in (ZOOKEEPER, QUOTA, CONFIG):
        if path not in tree.nodes:
            acl = acl_of(((READ, "world", "anyone"),)) if path == CONFIG else None
            tree.add(turn, path, Znode(b"", 0, 0, acl=acl))
