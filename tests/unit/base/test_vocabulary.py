"""The words that server and client share."""

from coordsvc.base import vocabulary
from coordsvc_client import wire  # noqa: F401 - the other side of the door
from coordsvc_client.wire import codes, messages, ops


def test_the_door_leads_to_the_client_s_words():
    assert (vocabulary.codes, vocabulary.messages, vocabulary.ops) == (codes, messages, ops)
