"""The numbers we count with."""

from coordsvc.base import ids


def test_ids_are_plain_numbers_and_names():
    assert {ids.Term, ids.Index, ids.SessionId, ids.Serial, ids.Millis} == {int}
    assert ids.NodeId is str
