"""The table of operations in docs/zookeeper.md, made from the scripts and the list of differences.

python -m tests.zookeeper.page          writes it
python -m tests.zookeeper.page --check  exits with 1 if it is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.zookeeper.differences import DIFFERENCES
from tests.zookeeper.operations import OPERATIONS
from tests.zookeeper.script import scripts

PAGE = Path(__file__).parents[2] / "docs" / "zookeeper.md"
BEGIN, END = "<!-- operations: begin -->", "<!-- operations: end -->"

CALLED = {
    "connect": "connect, reconnect",
    "create": "create",
    "create2": "create2 (create with Stat)",
    "container": "createContainer",
    "ttl": "createTTL",
    "delete": "delete",
    "exists": "exists",
    "get": "getData",
    "set": "setData",
    "getacl": "getACL",
    "setacl": "setACL",
    "children": "getChildren",
    "children2": "getChildren2 (with Stat)",
    "allchildren": "getAllChildrenNumber",
    "ephemerals": "getEphemerals",
    "sync": "sync",
    "ping": "ping",
    "check": "check",
    "multi": "multi",
    "multiread": "multiRead",
    "addwatch": "addWatch (persistent, recursive)",
    "checkwatches": "checkWatches",
    "removewatches": "removeWatches",
    "setwatches": "setWatches",
    "setwatches2": "setWatches2",
    "auth": "auth",
    "whoami": "whoAmI",
    "sasl": "sasl (DIGEST-MD5)",
    "reconfig": "reconfig",
    "close": "closeSession",
}
"""The operations in the order of the table, by the names of the protocol."""


def rows() -> Iterator[str]:
    """Yield the lines of the table."""
    used: dict[str, int] = {}
    for script in scripts():
        for case in script.cases:
            for name in case.words():
                used[name] = used.get(name, 0) + 1
    yield "| operation | opcode | | cases |"
    yield "|---|---|---|---|"
    for name, title in CALLED.items():
        reasons = dict.fromkeys(d.reason for d in DIFFERENCES if d.differs_in == name)
        told = "different: " + "; ".join(reasons) if reasons else "the same"
        number = OPERATIONS[name].code if name in OPERATIONS else "-"
        yield f"| {title} | {number} | {told} | {used.get(name, 0)} |"
    others = [each.reason for each in DIFFERENCES if each.differs_in not in CALLED]
    yield ""
    yield from (f"Besides: {reason}." for reason in dict.fromkeys(others))


def updated(text: str) -> str:
    """Return the page with the table as it has to be."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, "", *rows(), "", END + after])


def main() -> int:
    """Write the table, or look at it; return the exit code."""
    text = PAGE.read_text()
    if "--check" in sys.argv[1:]:
        return 0 if updated(text) == text else 1
    PAGE.write_text(updated(text))
    return 0


if __name__ == "__main__":
    sys.exit(main())
