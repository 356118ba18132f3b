"""The part of the tree that a client takes for the whole."""

from __future__ import annotations


class Chroot:
    """Puts a prefix before every path that goes out, and takes it off every path that comes in."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: str = "") -> None:
        assert not prefix or (prefix.startswith("/") and not prefix.endswith("/"))
        self.prefix: str = prefix

    def inner(self, path: str) -> str:
        """Return the path as the cluster knows it.

        What does not start with a slash is no path, and goes as it is, to be refused: behind the
        prefix it would be one that leads out of this part of the tree.
        """
        if not self.prefix or not path.startswith("/"):
            return path
        return self.prefix if path == "/" else self.prefix + path

    def outer(self, path: str) -> str:
        """Return the path as the caller knows it."""
        return path.removeprefix(self.prefix) or "/"


def join(parent: str, name: str) -> str:
    """Return the path of the child `name` of `parent`."""
    return f"/{name}" if parent == "/" else f"{parent}/{name}"
