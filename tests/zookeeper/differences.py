"""Where our answers differ from those of ZooKeeper 3.8.0 on purpose, step by step, and why.

The test of conformance holds us to exactly this: a difference that is not listed fails, and so
does one that is listed but is none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One step that we answer otherwise. `case` and `step` are as in the script."""

    script: str
    case: str
    step: str
    ours: tuple[str, ...]
    reason: str
    times: int = 1
    """How many steps of the case this is true of, if it repeats itself."""


READ_TO_LOOK = "exists needs READ, as from ZooKeeper 3.8.4 on"
CHECKED_FIRST = "a wrong password is refused before the session's connection is touched"
RESULT_OF_CREATE2 = "create2 in a multi gives its Stat too; ZooKeeper leaves the result out"

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "check",
        "A check by itself",
        "b: silent",
        ("ok",),
        "a check outside a multi is answered; ZooKeeper logs it and cannot start again",
    ),
    Difference(
        "acl", "Looking for a node needs READ", "a: exists /n", ("error NoAuth",), READ_TO_LOOK
    ),
    Difference(
        "acl",
        "Looking for a node needs READ",
        "a: exists /n watch",
        ("error NoAuth",),
        READ_TO_LOOK,
    ),
    Difference(
        "sessions",
        "A wrong password takes nothing from its owner",
        'a: create /n ""',
        ("path /n", "z1"),
        CHECKED_FIRST,
    ),
)


def of_case(script: str, case: str) -> list[Difference]:
    """Return the differences of one case, in their order."""
    return [each for each in DIFFERENCES if (each.script, each.case) == (script, case)]
