"""Which requests are plain SETs: the most frequent command, told from all others in one look."""

from __future__ import annotations

from coordsvc.base import limits
from coordsvc.base.ids import Serial
from coordsvc.base.vocabulary import ops
from coordsvc.state.arguments import NUMBER_MAX


def plain_set(request: list[object]) -> tuple[Serial, Serial, str, bytes] | None:
    """Return (serial, floor, path, data) of such a SET; None for anything else, also malformed."""
    if len(request) != 7 or request[0] != ops.SET:
        return None
    op, serial, floor, path, data, version, guards = request
    if (
        type(serial) is int
        and type(floor) is int
        and 0 <= floor <= serial <= NUMBER_MAX
        and type(path) is str
        and type(data) is bytes
        and len(data) <= limits.DATA_BYTES_MAX
        and version == -1
        and guards == []
        and type(version) is int
        and type(op) is int
    ):
        return serial, floor, path, data
    return None
