import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordsvc.server.zoocfg.properties import parse


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("a=1", {"a": "1"}),
        ("  a = 1  \r\nb:2\rc 3", {"a": "1", "b": "2", "c": "3"}),
        ("# a=1\n! b=2\n\n  # c=3\n", {}),
        ("a=1\na=2", {"a": "2"}),
        ("server.1=h:2888:3888;2181", {"server.1": "h:2888:3888;2181"}),
        ("a=b=c", {"a": "b=c"}),
        ("path=/x\\\n   /y", {"path": "/x/y"}),
        ("path=C:\\\\data\\ttab\\u0041", {"path": "C:\\data\ttabA"}),
        ("a\\=b=c", {"a=b": "c"}),
        ("alone", {"alone": ""}),
        ("a=ends with two\\\\\nb=2", {"a": "ends with two\\", "b": "2"}),
        ("a=unfinished\\", {"a": "unfinished"}),
        ("a=# no comment", {"a": "# no comment"}),
    ],
)
def test_pairs_are_read_as_java_reads_them(text, pairs):
    assert parse(text) == pairs


@given(st.text())
def test_no_text_is_too_odd(text):
    assert all(isinstance(value, str) for value in parse(text).values())
