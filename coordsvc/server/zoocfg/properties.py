"""Java's properties files, the syntax of zoo.cfg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_SPACE: Final = " \t\f"
_PAIR: Final = re.compile(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.|$)", re.DOTALL)
_NAMED: Final = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


def parse(text: str) -> dict[str, str]:
    """Return keys and values, without the space around them; of equal keys the last one counts.

    Source: java.util.Properties.load. A backslash at the end of a line joins the next one to it,
    `=`, `:` or space ends a key, `#` and `!` begin comments.
    """
    found: dict[str, str] = {}
    for line in _lines(text):
        pair = _PAIR.fullmatch(line)
        assert pair is not None, "the pattern takes any text"
        found[_plain(pair[1]).strip()] = _plain(pair[2]).strip()
    return found


def _lines(text: str) -> Iterator[str]:
    """Yield what is to be read, with continued lines joined."""
    joined = ""
    going_on = False
    for raw in re.split(r"\r\n|\n|\r", text):
        line = raw.lstrip(_SPACE)
        if not going_on and (not line or line[0] in "#!"):
            continue
        going_on = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        joined += line[:-1] if going_on else line
        if not going_on:
            yield joined
            joined = ""
    if joined:
        yield joined


def _plain(text: str) -> str:
    def meant(found: re.Match[str]) -> str:
        escape = found[1]
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        return _NAMED.get(escape, escape)

    return _ESCAPE.sub(meant, text)
