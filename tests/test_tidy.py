"""The rules of the house that no linter checks."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_MAX = 500  # of a module, and of a file of tests
FUNCTION_LINES_MAX = 70
PURE = ("base", "raft", "state", "watch", "replica", "protocols")
PURE_CLIENT = (
    *("wire", "conversation", "greeting", "silence", "claims", "lease"),
    *("requests", "watching", "endpoints"),
)
FORBIDDEN_CALLS = frozenset({"open", "print", "hash", "id", "input", "eval", "exec"})
# The letters in brackets keep the rules from finding themselves.
WORKPLACE = re.compile(r"/wor[k]/|\bbri[e]f\.md\b")
LATER = re.compile(r"\b(?:FIXM[E]|XX[X]|TOD[O]|HAC[K])\b")

SOURCES = sorted([*(ROOT / "coordsvc").rglob("*.py"), *(ROOT / "client").rglob("*.py")])
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name_of(file):
    return str(file.relative_to(ROOT))


def is_pure(file):
    parts = file.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "client":
        return parts[2] in PURE_CLIENT
    return parts[1] in PURE


every_source = pytest.mark.parametrize("file", SOURCES, ids=name_of)
every_pure_source = pytest.mark.parametrize("file", list(filter(is_pure, SOURCES)), ids=name_of)


@every_source
def test_a_module_says_what_it_is_for(file):
    assert ast.get_docstring(ast.parse(file.read_text())), "no docstring"


@pytest.mark.parametrize("file", [*SOURCES, *TESTS], ids=name_of)
def test_a_module_has_one_subject_and_so_is_short(file):
    lines = file.read_text().count("\n")
    assert lines <= LINES_MAX, f"{lines} lines"


@every_source
def test_functions_are_short(file):
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    }
    assert not long


@pytest.mark.parametrize("file", [*SOURCES, *TESTS], ids=name_of)
def test_nothing_is_left_for_later_and_no_workplace_is_named(file):
    text = file.read_text()
    assert not LATER.search(text)
    assert not WORKPLACE.search(text)


def is_set(node):
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"set", "frozenset"}
    )


def impurities(tree):
    """Yield what a pure room must not do: (line, what)."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in FORBIDDEN_CALLS:
                yield node.lineno, f"{name}()"
            case ast.Await() | ast.AsyncFunctionDef() | ast.AsyncFor() | ast.AsyncWith():
                yield node.lineno, type(node).__name__
            case ast.For(iter=over) | ast.comprehension(iter=over) if is_set(over):
                yield over.lineno, "iterates a set, whose order is not the same everywhere"
            case _:
                pass


@every_pure_source
def test_a_pure_room_does_nothing_outside_itself(file):
    assert list(impurities(ast.parse(file.read_text()))) == []


@pytest.mark.parametrize(
    "program",
    [
        "print(1)",
        "open('x')",
        "hash('x')",
        "async def f(): pass",
        "for each in {1, 2}: pass",
        "[each for each in set(x)]",
    ],
)
def test_an_impure_line_is_found(program):
    assert list(impurities(ast.parse(program)))


def expected_tests_of(file):
    parts = list(file.relative_to(ROOT).with_suffix("").parts)
    if parts[0] == "client":
        parts[1:2] = []  # client/coordsvc_client/x.py -> client/x
    else:
        parts = parts[1:]
    return ROOT / "tests" / "unit" / Path(*parts[:-1]) / f"test_{parts[-1]}.py"


@pytest.mark.parametrize("file", [f for f in SOURCES if not f.stem.startswith("__")], ids=name_of)
def test_every_module_has_its_own_tests(file):
    assert expected_tests_of(file).exists(), name_of(expected_tests_of(file))


def test_there_are_no_packages_among_the_tests():
    assert not list((ROOT / "tests").rglob("__init__.py"))
