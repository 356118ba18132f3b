"""What the replica asks of a client's conversation."""

import inspect

from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.replica.ports import Client


def test_the_native_conversation_is_a_client():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            mine = inspect.signature(getattr(NativeConversation, name))
            assert list(mine.parameters) == list(inspect.signature(method).parameters)
