"""The frames of answers."""

from coordsvc.protocols.zookeeper import answers, numbers
from coordsvc.protocols.zookeeper.writes import WRITES


def test_the_frames():
    assert answers.reply(1, 2, b"x").hex() == "000000110000000100000000000000020000000078"
    assert answers.failure(-4, 0, -115).hex() == "00000010fffffffc0000000000000000ffffff8d"
    assert (
        answers.event_frame(1, "/a").hex() == "0000001e"
        "ffffffff"
        "ffffffffffffffff"
        "00000000"
        "00000001"
        "00000003"
        "00000002"
        "2f61"
    )


def test_every_operation_has_its_place():
    rest = {numbers.SYNC, numbers.RECONFIG, numbers.AUTH, numbers.SASL}
    assert answers.ANSWERED | WRITES | rest == set(numbers.OP_NAMES)
    assert not answers.ANSWERED & WRITES


def test_exists_leaves_its_watch_also_where_there_is_nothing(guest):
    assert guest.exists("/n", watch=True).error == numbers.NO_NODE
    assert guest.get("/n", watch=True).error == numbers.NO_NODE
    assert guest.children("/n", watch=True).error == numbers.NO_NODE
    guest.create("/n")
    assert guest.events == [(numbers.NODE_CREATED, "/n")]
    guest.set("/n")
    assert guest.events == []
