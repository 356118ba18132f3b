"""Every invariant is shown by something that exists."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.sim.faults import KINDS
from tests.sim.invariants import INVARIANTS, Row
from tests.sim.run import WORKLOADS, Run
from tests.sim.test_planted import PLANTED

TESTS = Path(__file__).parents[2]


def is_there(place: str) -> bool:
    """Tell whether what a place names exists."""
    kind, _, name = place.partition(":")
    match kind:
        case "checker":
            module, *attributes = name.split(".")
            found: object = importlib.import_module(f"tests.sim.checkers.{module}")
            for attribute in attributes:
                found = getattr(found, attribute, None)
            return callable(found)
        case "workload":
            module, _, workload = name.partition(".")
            home = importlib.import_module(f"tests.sim.workloads.{module}")
            return getattr(home, workload, None) in WORKLOADS.values()
        case "run":
            return callable(getattr(Run, name, None))
        case "planted":
            return name in {planted.plant.__name__ for planted in PLANTED}
        case "fault":
            return name in KINDS
        case _:
            return is_test(place)


def is_test(place: str) -> bool:
    """Tell whether a test function of that name stands in that file."""
    file, _, test = place.partition("::")
    path = TESTS / file
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == test
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def test_no_row_is_missing() -> None:
    assert [row.number for row in INVARIANTS] == list(range(1, 56))
    assert len({row.name for row in INVARIANTS}) == len(INVARIANTS)


@pytest.mark.parametrize("row", INVARIANTS, ids=lambda row: f"{row.number} {row.name}")
def test_what_shows_it_exists(row: Row) -> None:
    assert row.shown_by
    assert [place for place in row.shown_by if not is_there(place)] == []


@pytest.mark.parametrize(
    "place",
    [
        "checker:raft.RaftChecker.nothing",
        "workload:register.Nothing",
        "run:nothing",
        "planted:nothing",
        "fault:nothing",
        "unit/sim/test_invariants.py::test_nothing",
        "unit/sim/test_nothing.py::test_no_row_is_missing",
    ],
)
def test_what_does_not_exist_is_found_out(place: str) -> None:
    assert not is_there(place)


def test_every_planted_bug_and_every_fault_shows_something() -> None:
    places = {place for row in INVARIANTS for place in row.shown_by}
    planted = {f"planted:{each.plant.__name__}" for each in PLANTED}
    assert planted - places == {"planted:node_goes_before_its_time"}
