"""What grows around a request must not add to what it costs: byte codes counted, not seconds.

Three replicas and a client in lockstep, once small and once grown; the same requests must take the
same number of the interpreter's instructions in all of them. What C code does within one
instruction (a lookup, a copy) is not seen: `./dev bench growth` and `large` measure that.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Self

import pytest

from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc_client.wire import framing, ops
from tests.bench.lockstep import OUTSTANDING, VALUE, Group

FEW = 10
MANY = 4_000
WATCHES_EACH = 100
SLACK = 1.02
"""Numbers become longer, and a heap deeper by some levels."""
ASKED = 300
PASSWORD = b"p" * 16
VERSIONS = [ops.PROTOCOL_VERSION]
WARM_UP = 2 * OUTSTANDING


class Instructions:
    """Counts what the interpreter carries out of the service and of the client."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(
        self, frame: FrameType, _event: str, _argument: object
    ) -> Callable[..., object] | None:
        code = frame.f_code.co_filename
        if "/coordsvc/" not in code and "/coordsvc_client/" not in code:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        return self._stepped

    def _stepped(self, _frame: FrameType, event: str, _argument: object) -> Callable[..., object]:
        self.count += event == "opcode"
        return self._stepped


def mutate(
    group: Group, op: int, count: int, arguments: Callable[[int], tuple[object, ...]]
) -> None:
    """Send mutations, OUTSTANDING at a time."""
    numbers = itertools.count()
    requests = group.client.requests
    group.ask(
        lambda done: requests.mutate(op, arguments(next(numbers)), done),
        count=count,
        outstanding=OUTSTANDING,
    )


def create(group: Group, template: str, count: int) -> None:
    """Create nodes as `template` says."""
    mutate(
        group, ops.CREATE, count,
        lambda number: (template.format(number), VALUE, 0, False, True, 0, []),
    )  # fmt: skip


def visitors(group: Group, count: int) -> list[NativeConversation]:
    """Let further clients in, at the leader."""
    talks = []
    for number in range(count):
        talk = NativeConversation(group.leader.hall, "10.0.0.2:1")
        hello = [ops.HELLO, ops.MAGIC, VERSIONS, 0, PASSWORD, 60_000, 0, ""]
        talk.receive_data(framing.encode_frame(hello), group.now)
        talks.append(talk)
        if number % OUTSTANDING == 0:
            group.step()
    group.until(lambda: all(talk.session for talk in talks), ms=1)
    return talks


def nodes(group: Group, count: int) -> None:
    create(group, "/elsewhere/{0}", count)


def children(group: Group, count: int) -> None:
    create(group, "/bench/sibling{0}", count)


def watches(group: Group, count: int) -> None:
    listeners = -(-count // WATCHES_EACH)
    for talk in visitors(group, listeners):
        for number in range(count // listeners):
            path = f"/watched/{number}"
            wish = [ops.WATCH, number + 1, ops.STALE, 0, path, ops.WATCH_NODE, 0, False]
            talk.receive_data(framing.encode_frame(wish), group.now)
    assert len(group.leader.replica.watches) == count


def sessions(group: Group, count: int) -> None:
    visitors(group, count)


def cost(grow: Callable[[Group, int], None], count: int) -> dict[str, float]:
    """Return the instructions for a write, for a read, and for a node that comes and goes."""
    group = Group()
    group.begin()
    group.write(WARM_UP)
    grow(group, count)
    group.write(WARM_UP)
    with Instructions() as write:
        group.write(ASKED)
    with Instructions() as read:
        group.read(ASKED, outstanding=OUTSTANDING, consistency=ops.LINEARIZABLE)
    with Instructions() as churn:
        create(group, "/bench/passing{0}", ASKED)
        mutate(group, ops.DELETE, ASKED, lambda number: (f"/bench/passing{number}", -1, False, []))
    counted = {"write": write, "read": read, "create and delete": churn}
    return {what: each.count / ASKED for what, each in counted.items()}


@pytest.mark.parametrize("grow", [nodes, children, watches, sessions])
def test_a_request_costs_the_same_beside_many(grow: Callable[[Group, int], None]) -> None:
    few, many = cost(grow, FEW), cost(grow, MANY)
    for what, before in few.items():
        assert 100 < many[what] <= before * SLACK, f"{what}: {before:.0f} -> {many[what]:.0f}"
