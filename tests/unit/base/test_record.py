"""@record."""

import pytest

from coordsvc.base.record import record


@record
class Point:
    """A point."""

    x: int
    y: int = 2


def test_a_record_compares_by_its_fields_and_takes_no_others():
    assert Point(1) == Point(1, 2)
    assert repr(Point(1)).endswith("Point(x=1, y=2)")
    with pytest.raises(AttributeError):
        Point(1).z = 3
