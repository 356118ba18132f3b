"""Two holders, reused tokens, a queue out of order and ghosts are all caught."""

from __future__ import annotations

import pytest

from tests.sim.checkers.locks import GuardedStorage, HoldingChecker, LockTableChecker
from tests.sim.verdicts import WrongResult


class Table(LockTableChecker):
    """The lock `/l`, whose claims are named by the entries that ask."""

    def ask(self, request: int, *, shared: bool = False) -> None:
        self.asked("/l", request=request, session=request, shared=shared)

    def grant(self, request: int, *, token: int, stamp_ms: int = 0) -> None:
        self.granted("/l", request=request, token=token, stamp_ms=stamp_ms)


def test_a_lock_is_handed_on_in_the_order_of_asking() -> None:
    table = Table()
    for request in (1, 2, 3):
        table.ask(request)
    table.grant(1, token=1)
    table.gone("/l", request=1)
    table.gone("/l", request=2)
    table.session_ended(1)
    table.grant(3, token=4)


def test_two_holders() -> None:
    table = Table()
    table.ask(1)
    table.ask(2)
    table.grant(1, token=1)
    with pytest.raises(WrongResult, match="granted beside"):
        table.grant(2, token=2)


def test_shared_holders_beside_one_another_but_not_beside_an_exclusive_one() -> None:
    table = Table()
    table.ask(1, shared=True)
    table.ask(2, shared=True)
    table.ask(3)
    table.grant(1, token=1)
    table.grant(2, token=2)
    with pytest.raises(WrongResult, match="granted beside"):
        table.grant(3, token=3)


def test_a_token_used_again() -> None:
    table = Table()
    table.ask(1)
    table.ask(2)
    table.grant(1, token=5)
    table.gone("/l", request=1)
    with pytest.raises(WrongResult, match="token 5 after token 5"):
        table.grant(2, token=5)


def test_a_claim_that_jumps_the_queue() -> None:
    table = Table()
    table.ask(1)
    table.ask(2)
    with pytest.raises(WrongResult, match="before those ahead"):
        table.grant(2, token=2)


def test_a_claim_granted_twice() -> None:
    table = Table()
    table.ask(1)
    table.grant(1, token=1)
    with pytest.raises(WrongResult, match="does not wait"):
        table.grant(1, token=2)


def test_a_claim_that_ends_twice() -> None:
    table = Table()
    table.ask(1)
    table.gone("/l", request=1)
    with pytest.raises(WrongResult, match="ended twice"):
        table.gone("/l", request=1)


def test_a_claim_that_outlives_its_session() -> None:
    table = Table()
    table.ask(1)
    with pytest.raises(WrongResult, match="outlives its session"):
        table.session_ended(1)


def test_a_grant_during_the_lock_delay() -> None:
    table = Table()
    table.ask(1)
    table.ask(2)
    table.grant(1, token=1, stamp_ms=100)
    table.gone("/l", request=1, free_at_ms=500)
    with pytest.raises(WrongResult, match="lock-delay"):
        table.grant(2, token=2, stamp_ms=499)
    table.grant(2, token=2, stamp_ms=500)


def test_clients_may_hold_one_after_the_other() -> None:
    holding = HoldingChecker()
    holding.holds("/l", "a", now=1)
    assert holding.is_believed_by("/l", "a")
    holding.stops("/l", "a")
    holding.holds("/l", "b", now=1)
    assert not holding.is_believed_by("/l", "a")


def test_two_clients_that_believe_to_hold_at_once() -> None:
    holding = HoldingChecker()
    holding.holds("/l", "a", now=1, shared=True)
    holding.holds("/l", "b", now=2, shared=True)
    with pytest.raises(WrongResult, match="c holds it"):
        holding.holds("/l", "c", now=3)


def test_the_storage_refuses_a_former_holder() -> None:
    storage = GuardedStorage()
    assert storage.write("/l", "a", 1)
    assert storage.write("/l", "b", 2)
    assert not storage.write("/l", "a", 1)
    assert storage.write("/l", "b", 2)
    assert (storage.refused, len(storage.writes)) == (1, 3)


def test_a_token_of_two_clients() -> None:
    storage = GuardedStorage()
    storage.write("/l", "a", 1)
    with pytest.raises(WrongResult, match="token 1 of a is also b's"):
        storage.write("/l", "b", 1)
