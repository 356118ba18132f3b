"""The documents are true: blocks are run, what they print is compared, links lead somewhere.

A `text` block behind another is what that one prints, with any numbers. A block that cannot be
run here says why in a comment in front of it.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from coordsvc.cli.localcluster import DevError, NodePlan, plan, refuse_taken_ports
from tests.integration.programs import BIN, ROOT, Program

BLOCK = re.compile(
    r"(<!-- not run: [^\n]+ -->\n)?```(\w+)\n(.*?)```\n(?:```text\n(.*?)```\n)?", re.DOTALL
)
RUN_BY = {"sh": ["sh", "-eu", "-c"], "python": [sys.executable, "-c"]}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
PORT = re.compile(r"\b127\.0\.0\.1:(218[123]|818[123])\b")


@dataclass
class Dev:
    """A cluster by `coordsvc dev`, as the reader has one, on other ports."""

    folder: Path
    nodes: tuple[NodePlan, ...]

    def here(self, text: str) -> str:
        """Return the text of a block with the addresses of this cluster."""

        def address(found: re.Match[str]) -> str:
            node = self.nodes[int(found[1][-1]) - 1]
            return node.client_address if found[1][0] == "2" else node.http_address

        return PORT.sub(address, text)

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("COORDSVC_")}
        return clean | {
            "COORDSVC_ENDPOINTS": ",".join(node.client_address for node in self.nodes),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }


def free_plan(folder: Path) -> tuple[NodePlan, ...]:
    while True:
        first = random.randrange(20_000, 30_000)
        found = plan(folder, nodes=3, client_port=first, peer_port=first + 3, http_port=first + 6)
        try:
            refuse_taken_ports(found)
        except DevError:
            continue
        return found


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    folder = tmp_path_factory.mktemp("readme")
    cluster = Dev(folder, free_plan(folder))
    first = cluster.nodes[0]
    program = Program(
        *(BIN / "coordsvc", "dev", "--base-port-client", str(first.client_port)),
        *("--base-port-peer", str(first.peer_port), "--base-port-http", str(first.http_port)),
        env=cluster.environment(),
        cwd=folder,
    )
    try:
        program.wait_for("ready in")
        yield cluster
    finally:
        program.end(signal.SIGTERM)


def without_numbers(text: str) -> str:
    return re.sub(r"\d+", "N", text)


@pytest.mark.integration
@pytest.mark.parametrize(("document", "count"), [("README.md", 8), ("docs/locks.md", 1)])
def test_every_block_does_what_it_says(dev, document, count):
    run = 0
    for reason, language, code, shown in BLOCK.findall((ROOT / document).read_text()):
        if reason or language not in RUN_BY:
            continue
        done = subprocess.run(
            [*RUN_BY[language], dev.here(code)],
            cwd=dev.folder,
            env=dev.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        if shown:
            assert without_numbers(done.stdout) == without_numbers(shown), code
        run += 1
    assert run == count, "a block was added or left out: is it run?"


@pytest.mark.parametrize(
    "document",
    sorted(path for pattern in ("*.md", "docs/**/*.md") for path in ROOT.glob(pattern)),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_the_links_of_a_document_lead_somewhere(document):
    for target in LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target
