"""Events packed once for all their watchers."""

from __future__ import annotations

from unittest.mock import patch

from coordsvc.protocols.native import events as module
from coordsvc.protocols.native.events import NUMBERS_MAX, EventEncoder
from coordsvc.state.events import Event
from coordsvc.watch.table import without_data
from coordsvc_client.wire import ops
from coordsvc_client.wire.framing import decode, pack

EVENT = Event(ops.CHANGED, "/a", 7, tuple(range(13)), b"data")


def packs(encoder: EventEncoder, told: list[tuple[int, Event]]) -> int:
    """Return how often something is packed for these watchers."""
    with patch.object(module, "pack", side_effect=pack) as packing:
        for watch_id, event in told:
            message = encoder.encode(watch_id, event)
            stat = list(event.stat)
            assert decode(message) == [ops.EVENT, watch_id, ops.CHANGED, "/a", 7, stat, event.data]
        return packing.call_count


def test_watchers_with_the_same_number_share_the_bytes() -> None:
    assert packs(EventEncoder(), [(1, EVENT)] * 1_000) == 1


def test_an_event_with_and_without_data_is_packed_twice_however_they_mix() -> None:
    bare = without_data(EVENT)
    assert packs(EventEncoder(), [(1, EVENT), (1, bare)] * 500) == 2


def test_the_next_event_is_not_taken_for_the_one_before() -> None:
    encoder = EventEncoder()
    after = Event(ops.CHANGED, "/a", 8, EVENT.stat, b"later")
    assert decode(encoder.encode(1, EVENT)) != decode(encoder.encode(1, after))
    assert packs(encoder, [(1, EVENT)]) == 1


def test_what_is_remembered_of_one_event_is_bounded() -> None:
    told = [(number, EVENT) for number in range(NUMBERS_MAX + 5)]
    encoder = EventEncoder()
    assert packs(encoder, told) == NUMBERS_MAX + 5
    assert packs(encoder, told) == 5


def test_a_frame_holds_the_message_it_is_asked_for() -> None:
    encoder = EventEncoder()
    first, second = encoder.encode(1, EVENT), encoder.encode(2, EVENT)
    for message in (first, first, second, first):
        frame = encoder.frame(message)
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4
        assert decode(frame[4:]) == [decode(message)]
