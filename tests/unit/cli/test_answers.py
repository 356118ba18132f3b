import pytest

from coordsvc.base.vocabulary import messages, ops
from coordsvc.cli import answers
from tests.unit.fakeserver import STAT


def test_a_stat_has_names_and_what_a_later_version_adds_is_left_out():
    assert list(answers.stat([*STAT, 99])) == list(messages.STAT_FIELDS)
    assert answers.shown_stat(answers.stat(STAT))["revision"] == 7


def test_every_kind_and_event_has_a_word():
    assert set(answers.KINDS) == {ops.PERSISTENT, ops.EPHEMERAL, ops.CONTAINER, ops.TTL}
    assert {ops.CREATED, ops.DELETED, ops.CHANGED} < set(answers.EVENTS)


def test_an_ephemeral_names_its_session_in_hexadecimal():
    owned = [*STAT]
    owned[messages.STAT_FIELDS.index("owner")] = 255
    owned[messages.STAT_FIELDS.index("kind")] = ops.EPHEMERAL
    shown = answers.shown_stat(answers.stat(owned))
    assert (shown["owner"], shown["kind"]) == ("0xff", "ephemeral")


def test_a_lock_has_holders_and_a_queue():
    claim = [11, 255, "me", False, 12, 1000, "note"]
    lock = answers.lock(["/l", [claim], [], 0])
    assert lock.fields()["holders"] == [
        {
            "request": 11,
            "session": "0xff",
            "client_name": "me",
            "shared": False,
            "token": 12,
            "since": 1000,
            "note": "note",
        }
    ]


@pytest.mark.parametrize(
    ("read", "wrong"), [(answers.array, 1), (answers.number, "1"), (answers.data, 1)]
)
def test_what_is_against_the_protocol_is_not_taken(read, wrong):
    with pytest.raises(AssertionError):
        read(wrong)
