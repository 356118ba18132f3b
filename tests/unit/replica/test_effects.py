"""What a turn may ask for."""

from coordsvc.replica.effects import Effects, Write


def test_a_turn_without_inputs_asks_for_nothing():
    one, two = Effects(), Effects()
    assert (one.writes, one.send, one.drop_log_before) == ([], [], 0)
    one.writes.append(Write(None, 0, 0, b""))
    assert two.writes == []
