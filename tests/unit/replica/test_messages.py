"""What replicas say to one another."""

from typing import get_args

from coordsvc.protocols.peer import codec
from coordsvc.replica import messages


def test_every_message_has_its_place_on_the_wire():
    assert len(get_args(messages.PeerMessage)) == len(codec._MAKERS)
