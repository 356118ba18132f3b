"""An early expiry, a client that outlives its session, and what lingers are caught."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes
from tests.sim.checkers.sessions import SessionChecker
from tests.sim.verdicts import WrongResult
from tests.sim.world import SECOND

TIMEOUT = 10 * SECOND


def opened() -> SessionChecker:
    checker = SessionChecker(drift_ppm_max=1000)
    checker.opened(1, timeout=TIMEOUT, now=0)
    return checker


def test_a_silent_session_expires_after_its_timeout() -> None:
    checker = opened()
    checker.answered(1, sent_at=5 * SECOND)
    checker.believes_until(1, 14 * SECOND)
    checker.expired(1, 7, now=15 * SECOND)
    checker.expired(1, 7, now=16 * SECOND)
    checker.left_behind(1, 6, ["/e"])
    checker.left_behind(1, 7, [])
    checker.applied(1, 3, 6, codes.OK)
    checker.applied(1, 4, 8, codes.SESSION_EXPIRED)
    checker.applied(99, 1, 8, codes.OK)


def test_a_session_that_was_answered_expires() -> None:
    checker = opened()
    checker.answered(1, sent_at=5 * SECOND)
    with pytest.raises(WrongResult, match="although a renewal"):
        checker.expired(1, 7, now=14 * SECOND)


def test_the_clock_of_a_server_may_be_a_little_fast() -> None:
    checker = opened()
    checker.expired(1, 7, now=TIMEOUT * 1_000_000 // 1_001_000)


def test_a_client_that_counts_on_its_session_for_too_long() -> None:
    checker = opened()
    checker.believes_until(1, 12 * SECOND)
    with pytest.raises(WrongResult, match="counts on it"):
        checker.expired(1, 7, now=11 * SECOND)


def test_a_client_that_extends_its_lease_after_the_expiry() -> None:
    checker = opened()
    checker.expired(1, 7, now=11 * SECOND)
    with pytest.raises(WrongResult, match="counts on it"):
        checker.believes_until(1, 12 * SECOND)


def test_a_closed_session_is_not_counted_on() -> None:
    checker = opened()
    checker.believes_until(1, 9 * SECOND)
    checker.closed(1, 4, now=SECOND)
    checker.closed(1, 4, now=2 * SECOND)
    checker.expired(1, 9, now=3 * SECOND)


def test_an_ephemeral_that_lingers() -> None:
    checker = opened()
    checker.expired(1, 7, now=TIMEOUT)
    with pytest.raises(WrongResult, match="left"):
        checker.left_behind(1, 7, ["/e"])


def test_an_expired_session_that_writes() -> None:
    checker = opened()
    checker.expired(1, 7, now=TIMEOUT)
    with pytest.raises(WrongResult, match="wrote 5 at 8"):
        checker.applied(1, 5, 8, codes.OK)
