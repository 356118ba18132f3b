"""Golden scripts: a text file of commands, each group followed by exactly what it printed.

    # Comments and blank lines stay as they are.
    wake n1
    ---
    n1@0 -> n2 VoteRequest term=1 pre last=0@0

Several commands may stand above one `---`. An output ends at the first blank line. Run with
REWRITE=1 to write what was printed into the file; then read the diff: every line of it is a
change of behaviour that somebody must want.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

SEPARATOR = "---"


def play(text: str, execute: Callable[[str], list[str]]) -> str:
    """Return the script as it should read: the same commands, with what they print now."""
    played: list[str] = []
    waiting: list[str] = []
    in_output = False
    for line in text.splitlines():
        in_output = in_output and bool(line.strip())
        if in_output:
            continue
        played.append(line)
        if line == SEPARATOR:
            output = [printed for command in waiting for printed in execute(command)]
            played += output or ["ok"]
            waiting.clear()
            in_output = True
        elif line.strip() and not line.startswith("#"):
            waiting.append(line)
    assert not waiting, f"no {SEPARATOR} after {waiting[-1]!r}"
    return "\n".join(played) + "\n"


def check(path: Path, execute: Callable[[str], list[str]]) -> None:
    """Play one script; fail, or with REWRITE=1 rewrite it, where the output differs."""
    written = path.read_text(encoding="utf-8")
    played = play(written, execute)
    if os.environ.get("REWRITE") == "1":
        path.write_text(played, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == played, f"{path}: REWRITE=1, then read the diff"
