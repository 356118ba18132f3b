"""Claims on locks in a conversation: grants, losses, and answers that come late."""

from coordsvc_client.claims import ClaimState
from coordsvc_client.wire import codes, ops


def test_a_grant_that_comes_before_the_answer_counts(open_talk):
    changes = []
    claim = open_talk.lock(changes)
    open_talk.sent()
    open_talk.say(
        [ops.LOCK_EVENT, "/l", 60, ops.HELD, 61, 61], [1, codes.OK, 60, [ops.WAITING, 60, 0, 1]]
    )
    assert changes == [ClaimState.HELD]
    assert claim.token == 61


def test_a_grant_without_a_lease_is_asked_about(open_talk):
    changes = []
    open_talk.lock(changes)
    open_talk.sent()
    open_talk.say([1, codes.OK, 60, [ops.WAITING, 60, 0, 1]])
    open_talk.say([ops.LOCK_EVENT, "/l", 60, ops.HELD, 61, 61], now=9_500)
    assert changes == [ClaimState.WAITING]
    (question,) = open_talk.sent(now=9_500)
    assert question == [ops.LOCK_STATE, 2, ops.LINEARIZABLE, 61, "/l", 60]
    open_talk.say([2, codes.OK, 62, [ops.HELD, 60, 61, 0]], now=9_600)
    assert changes == [ClaimState.WAITING, ClaimState.HELD]


def test_a_remembered_answer_to_an_acquire_is_verified(open_talk):
    changes = []
    open_talk.lock(changes)
    open_talk.sent()
    open_talk.conversation.end(0)
    open_talk.conversation.begin(0)
    open_talk.sent()
    open_talk.welcome()
    open_talk.say([1, codes.OK, 60, [ops.HELD, 60, 60, 0]])
    assert changes == []
    assert [frame[0] for frame in open_talk.sent()][-1] == ops.LOCK_STATE
    open_talk.say([3, codes.OK, 62, [ops.GONE, 60, 0, 0]], [2, codes.OK, 62, [ops.GONE, 60, 0, 0]])
    assert changes == [ClaimState.GONE]


def test_a_lock_is_lost_with_the_lease_and_released_afterwards(open_talk):
    changes = []
    open_talk.lock(changes)
    open_talk.sent()
    open_talk.say([1, codes.OK, 60, [ops.HELD, 60, 60, 0]])
    open_talk.conversation.wake(9_000)
    assert changes == [ClaimState.HELD, ClaimState.GONE]
    frames = open_talk.sent(now=9_000)
    assert [ops.RELEASE, 3, 3, "/l", 60] in frames


def test_a_waiting_claim_outlives_the_lease_but_not_the_session(open_talk):
    changes = []
    open_talk.lock(changes)
    open_talk.sent()
    open_talk.say([1, codes.OK, 60, [ops.WAITING, 60, 0, 1]])
    open_talk.conversation.wake(9_000)
    assert changes == [ClaimState.WAITING]
    open_talk.say([ops.GOODBYE, codes.SESSION_EXPIRED, ""], now=9_100)
    assert changes == [ClaimState.WAITING, ClaimState.GONE]


def test_an_abandoned_claim_is_released_as_soon_as_its_answer_is_there(open_talk):
    changes = []
    claim = open_talk.lock(changes)
    open_talk.sent()
    open_talk.conversation.claims.abandon(claim)
    assert open_talk.sent() == []
    open_talk.say([1, codes.OK, 60, [ops.HELD, 60, 60, 0]])
    assert open_talk.sent() == [[ops.RELEASE, 2, 2, "/l", 60]]
    assert changes == []


def test_an_abandoned_claim_that_was_never_sent_leaves_nothing(open_talk):
    claim = open_talk.lock([])
    open_talk.conversation.claims.abandon(claim)
    assert open_talk.sent() == []


def test_a_refused_acquire_tells_why(open_talk):
    changes = []
    claim = open_talk.lock(changes)
    open_talk.sent()
    open_talk.say([1, codes.LOCKED, 60, None])
    assert changes == [ClaimState.GONE]
    assert claim.code == codes.LOCKED
