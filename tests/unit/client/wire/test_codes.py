"""The numbers are a protocol and, in remembered answers, a disk format: they never change."""

from coordsvc_client.wire import codes

GOLDEN = {
    "OK": 0,
    "NO_NODE": 1,
    "NODE_EXISTS": 2,
    "BAD_VERSION": 3,
    "NOT_EMPTY": 4,
    "NO_CHILDREN_FOR_EPHEMERALS": 5,
    "BAD_PATH": 6,
    "BAD_ARGUMENTS": 7,
    "TOO_LARGE": 8,
    "SESSION_EXPIRED": 9,
    "STALE_TOKEN": 10,
    "LOCKED": 11,
    "NO_LOCK_REQUEST": 12,
    "CONDITION_FAILED": 13,
    "ROLLED_BACK": 14,
    "SUPERSEDED": 15,
    "TOO_MANY": 16,
    "MALFORMED": 17,
    "DENIED": 18,
    "COMPACTED": 19,
    "CURSOR_LOST": 20,
    "BAD_PASSWORD": 21,
    "INVALID_ACL": 22,
    "QUOTA_EXCEEDED": 23,
    "NOT_LEADER": 32,
    "NO_QUORUM": 33,
    "OVERLOADED": 34,
    "STOPPING": 35,
    "TIMED_OUT": 36,
    "OUTCOME_UNKNOWN": 37,
    "BEHIND": 38,
    "SESSION_MOVED": 39,
    "BAD_FRAME": 40,
    "UNSUPPORTED": 41,
    "DISK_FULL": 42,
}


def test_no_code_has_changed_and_a_new_one_is_written_down_here():
    found = {name: value for name, value in vars(codes).items() if type(value) is int}
    assert found == GOLDEN


def test_every_code_has_one_number_and_a_name():
    assert len(set(GOLDEN.values())) == len(GOLDEN)
    assert {number: name.lower() for name, number in GOLDEN.items()} == codes.NAMES


def test_what_may_be_tried_again_was_not_decided_by_the_state():
    again = codes.RETRYABLE | codes.MAYBE
    assert not codes.RETRYABLE & codes.MAYBE
    assert all(code >= 32 for code in again), "codes below 32 are final"
    assert again <= codes.NAMES.keys()
    assert codes.DISK_FULL not in again, "a full disk does not go away by asking again"


def test_only_what_leaves_the_outcome_open_is_maybe():
    assert sorted(codes.MAYBE) == [codes.TIMED_OUT, codes.OUTCOME_UNKNOWN]
