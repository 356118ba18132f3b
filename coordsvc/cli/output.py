"""What commands print: text, tables, JSON, JSON lines. Data on stdout, all else on stderr."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

FORMATS: Final = ("text", "table", "json", "jsonl")

Row: TypeAlias = Mapping[str, object]


def is_json(form: str) -> bool:
    """Tell whether `form` is for programs."""
    return form in {"json", "jsonl"}


def value_fields(data: bytes | None) -> dict[str, object]:
    """Return data as JSON has it: UTF-8 as a string, other bytes in base64, nothing as null."""
    if data is None:
        return {"value": None, "encoding": "utf-8"}
    try:
        return {"value": data.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"value": base64.b64encode(data).decode(), "encoding": "base64"}


def print_json(value: object) -> None:
    """Print one value as one line, at once: the reader may be waiting for it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_line(text: str) -> None:
    """Print one line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_rows(form: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Print rows: JSON has all their fields, text and table the `columns`."""
    if form == "jsonl":
        for row in rows:
            print_json(row)
    elif form == "json":
        print_json(list(rows))
    else:
        _print_table(columns, list(rows))


def _print_table(columns: Sequence[str], rows: Sequence[Row]) -> None:
    lines = [[column.upper().replace("_", " ") for column in columns]]
    lines += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print_line("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def print_data(data: bytes | None) -> None:
    """Print a value exactly; on a terminal with a line end, so that the prompt starts anew."""
    data = data or b""
    end = b"\n" if sys.stdout.isatty() and not data.endswith(b"\n") else b""
    sys.stdout.flush()
    sys.stdout.buffer.write(data + end)
    sys.stdout.buffer.flush()


def duration(milliseconds: float) -> str:
    """Return a length of time as people say it: 850ms, 12s, 3m20s, 2h05m, 3d04h."""
    if milliseconds < 1000:
        return f"{max(0, round(milliseconds))}ms"
    seconds = int(milliseconds // 1000)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days}d{hours % 24:02d}h"
    if hours:
        return f"{hours}h{minutes % 60:02d}m"
    if minutes:
        return f"{minutes}m{seconds % 60:02d}s"
    return f"{seconds}s"
