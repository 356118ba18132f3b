from hypothesis import given
from hypothesis import strategies as st

from coordsvc_client.lease import Lease


def test_a_lease_that_was_never_proved_does_not_hold():
    lease = Lease(10_000)
    assert lease.end() == -1
    assert not lease.holds(0)


def test_the_lease_counts_from_the_sending_and_ends_a_tenth_early():
    lease = Lease(10_000)
    lease.prove(500)
    assert lease.end() == 9_500
    assert lease.holds(9_499)
    assert not lease.holds(9_500)


@given(st.lists(st.integers(0, 10**6), min_size=1), st.integers(1_000, 10**6))
def test_no_answer_moves_the_end_back_nor_beyond_the_newest_request(sent, timeout_ms):
    lease = Lease(timeout_ms)
    ends = []
    for at in sent:
        lease.prove(at)
        ends.append(lease.end())
    assert ends == sorted(ends)
    assert ends[-1] < max(sent) + timeout_ms


def test_a_ping_is_due_a_quarter_after_the_last_proof_or_ping():
    lease = Lease(8_000)
    lease.connection_began(100)
    assert lease.ping_due() == 2_100
    lease.prove(1_000)
    assert lease.ping_due() == 3_000
    lease.pinged(3_000)
    assert lease.ping_due() == 5_000


def test_doubt_starts_with_the_first_ping_and_only_a_later_request_ends_it():
    lease = Lease(9_000)
    assert lease.doubt_due() is None
    lease.pinged(1_000)
    lease.pinged(2_000)
    assert lease.doubt_due() == 4_000
    lease.prove(999)
    assert lease.doubt_due() == 4_000
    lease.prove(1_000)
    assert lease.doubt_due() is None


def test_a_new_session_starts_without_any_proof():
    lease = Lease(9_000)
    lease.prove(5)
    lease.reset()
    assert lease.end() == -1
