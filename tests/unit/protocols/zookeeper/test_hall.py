"""Codes and counters."""

from coordsvc.base.vocabulary import codes
from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.hall import error_of


def test_every_code_has_an_error():
    for code in codes.NAMES:
        assert (error_of(code) == numbers.OK) is (code == codes.OK)
    assert error_of(codes.NO_NODE) == -101
    assert error_of(codes.STALE_TOKEN) == numbers.SYSTEM_ERROR


def test_requests_are_counted(house, guest):
    guest.ask(numbers.PING)
    guest.ask(numbers.PING)
    assert house.hall.requests == {numbers.PING: 2}


def test_what_is_no_operation_is_not_counted(house, guest):
    guest.send(1_234_567)
    assert house.hall.requests == {}
