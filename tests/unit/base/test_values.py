"""Plain data."""

import msgpack

from coordsvc.base.values import Value


def test_a_value_travels_unchanged():
    value: Value = [None, True, 1, 1.5, "text", b"bytes", [1, [2]]]
    assert msgpack.unpackb(msgpack.packb(value)) == value
