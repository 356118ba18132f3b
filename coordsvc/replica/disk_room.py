"""DiskRoom: who has little room left on the disk, and what is refused while anybody has."""

from __future__ import annotations

from typing import Final

from coordsvc.base.ids import NodeId
from coordsvc.base.vocabulary import ops
from coordsvc.state.commands import Acquire, Create, Put, Set, Transaction, parse

_GROWING: Final = frozenset({ops.CREATE, ops.PUT, ops.SET, ops.ACQUIRE})


def grows(request: list[object]) -> bool:
    """Tell whether a client's mutation, which is valid, may make the state larger."""
    if request[0] != ops.TXN:
        return request[0] in _GROWING
    transaction = parse(request, internal=False)
    assert isinstance(transaction, Transaction)
    steps = (*transaction.then, *transaction.otherwise)
    return any(isinstance(step, Create | Put | Set | Acquire) for step in steps)


class DiskRoom:
    """Which members have little room left on their disks, this one among them."""

    __slots__ = ("_alarms", "_node", "_reserve_bytes", "refusal")

    def __init__(self, node: NodeId, reserve_bytes: int) -> None:
        self._node = node
        self._reserve_bytes = reserve_bytes
        self._alarms: dict[NodeId, None] = {}
        self.refusal = ""
        """Why nothing that grows is taken; the empty string while all have room."""

    @property
    def alarm(self) -> bool:
        """Whether this member has too little room."""
        return self._node in self._alarms

    def measured(self, free_bytes: int) -> bool:
        """So much is left here; tell whether that raised or ended the alarm."""
        before = self.alarm
        # It ends a little above where it began, or it would come and go with every snapshot.
        needed = self._reserve_bytes * 5 // 4 if before else self._reserve_bytes
        self.told(self._node, full=free_bytes < needed)
        return self.alarm != before

    def told(self, node: NodeId, *, full: bool) -> None:
        """A member has an alarm, or no longer."""
        if full:
            self._alarms[node] = None
        else:
            self._alarms.pop(node, None)
        names = ", ".join(sorted(self._alarms))
        self.refusal = f"little room is left on the disk of {names}" if names else ""
