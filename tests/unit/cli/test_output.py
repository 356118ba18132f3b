import json
import sys

import pytest

from coordsvc.cli import output


def test_text_is_text_and_other_bytes_are_base64():
    assert output.value_fields("ü".encode()) == {"value": "ü", "encoding": "utf-8"}
    assert output.value_fields(b"\xff\x00") == {"value": "/wA=", "encoding": "base64"}
    assert output.value_fields(None) == {"value": None, "encoding": "utf-8"}
    assert output.value_fields(b"") == {"value": "", "encoding": "utf-8"}


def test_a_table_is_aligned_and_says_what_is_not_there(capsys):
    rows = [{"name": "a", "long_name": 100, "free": True}, {"name": "bbbbb", "free": False}]
    output.print_rows("table", ("name", "long_name", "free"), rows)
    assert capsys.readouterr().out.splitlines() == [
        "NAME   LONG NAME  FREE",
        "a      100        yes",
        "bbbbb  -          no",
    ]


def test_json_is_one_array_and_jsonl_one_object_a_line(capsys):
    rows = [{"a": 1, "b": "ü"}, {"a": 2}]
    output.print_rows("json", ("a",), rows)
    assert json.loads(capsys.readouterr().out) == rows
    output.print_rows("jsonl", ("a",), rows)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-5, "0ms"),
        (850, "850ms"),
        (12_000, "12s"),
        (200_000, "3m20s"),
        (7_500_000, "2h05m"),
        (273_600_000, "3d04h"),
    ],
)
def test_lengths_of_time_are_told_as_people_say_them(ms, text):
    assert output.duration(ms) == text


@pytest.mark.parametrize(("on_terminal", "shown"), [(True, b"x\n"), (False, b"x")])
def test_data_is_exact_except_for_a_line_end_on_a_terminal(
    on_terminal, shown, capfdbinary, monkeypatch
):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    output.print_data(b"x")
    output.print_data(b"x\n")
    output.print_data(None if not on_terminal else b"\n")
    assert capfdbinary.readouterr().out.startswith(shown + b"x\n")
