"""What the runtime sends for: a conversation in any language."""

import inspect

import pytest

from coordsvc.protocols.native.conversation import NativeConversation
from coordsvc.protocols.talk import Talk
from coordsvc.protocols.zookeeper.conversation import ZooKeeperConversation


@pytest.mark.parametrize("language", [NativeConversation, ZooKeeperConversation])
def test_each_language_has_it(language):
    mine = inspect.signature(language.data_to_send)
    assert mine == inspect.signature(Talk.data_to_send)
    assert "told" in language.__slots__
    assert language.__hash__ is object.__hash__, "a conversation is itself and equals no other"
