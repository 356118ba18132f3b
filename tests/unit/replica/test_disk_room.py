"""Who has little room on a disk, and what the state must not take meanwhile."""

import pytest

from coordsvc.base.vocabulary import ops
from coordsvc.replica.disk_room import DiskRoom, grows

CREATE = [ops.CREATE, "/a", b"", ops.PERSISTENT, False, False, 0, []]
DELETE = [ops.DELETE, "/a", -1, False, []]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ([ops.CREATE, 1, 1, *CREATE[1:]], True),
        ([ops.PUT, 1, 1, "/a", b"", True, []], True),
        ([ops.SET, 1, 1, "/a", b"", -1, []], True),
        ([ops.ACQUIRE, 1, 1, "/a", False, True, 0, ""], True),
        ([ops.DELETE, 1, 1, *DELETE[1:]], False),
        ([ops.RELEASE, 1, 1, "/a", 5], False),
        ([ops.BREAK, 1, 1, "/a", ""], False),
        ([ops.CLOSE, 1, 1], False),
        ([ops.TXN, 1, 1, [], [DELETE], []], False),
        ([ops.TXN, 1, 1, [[ops.CHECK_EXISTS, "/a", True]], [DELETE], [CREATE]], True),
        ([ops.TXN, 1, 1, [], [DELETE, CREATE], []], True),
    ],
)
def test_it_is_known_what_makes_the_state_grow(request_, expected):
    assert grows(request_) is expected


def test_the_alarm_begins_below_the_reserve_and_ends_a_quarter_above_it():
    room = DiskRoom("a", 1_000)
    seen = [(free, room.measured(free), room.alarm) for free in (1_000, 999, 1_249, 500, 1_250)]
    assert seen == [
        (1_000, False, False),
        (999, True, True),
        (1_249, False, True),
        (500, False, True),
        (1_250, True, False),
    ]
    assert room.refusal == ""


def test_a_refusal_names_every_member_that_is_full():
    room = DiskRoom("b", 1_000)
    room.told("c", full=True)
    room.measured(0)
    assert not room.measured(0)
    assert room.refusal == "little room is left on the disk of b, c"
    room.told("c", full=False)
    assert room.refusal == "little room is left on the disk of b"
