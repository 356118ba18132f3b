"""What mypyc does otherwise than Python, or not at all, stands nowhere in a compiled room.

Most of what it cannot do it says when it compiles. What is asked here it would do in silence.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.compile import rooms

ROOT = Path(__file__).parents[1]
Fault = tuple[int, str]


def names_of_two_errors(tree: ast.AST) -> Iterator[Fault]:
    """A name has one type for all of a function: the second kind of error would not fit it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            kinds: dict[str, str] = {}
            for each in ast.walk(function):
                if isinstance(each, ast.ExceptHandler) and each.name and each.type:
                    kind = ast.unparse(each.type)
                    if kinds.setdefault(each.name, kind) != kind:
                        yield each.lineno, f"{each.name} is a {kinds[each.name]} already"


def names_of_choices(tree: ast.AST) -> Iterator[Fault]:
    """A name for one of several patterns stays unbound."""
    for each in ast.walk(tree):
        if isinstance(each, ast.MatchAs) and isinstance(each.pattern, ast.MatchOr) and each.name:
            yield each.lineno, f"{each.name} names one of several patterns"


def decorated_classes(tree: ast.AST) -> Iterator[Fault]:
    """With a decorator that is not known to it a class has no equality but identity."""
    for each in ast.walk(tree):
        if isinstance(each, ast.ClassDef):
            for decorator in each.decorator_list:
                name = decorator.func if isinstance(decorator, ast.Call) else decorator
                if ast.unparse(name) not in ("dataclass", "unique"):
                    yield each.lineno, f"{each.name} has the decorator {ast.unparse(name)}"


def types_asked_behind_values(tree: ast.AST) -> Iterator[Fault]:
    """What equals a number is taken for a number, though it may be a float."""
    for each in ast.walk(tree):
        if isinstance(each, ast.BoolOp) and isinstance(each.op, ast.And):
            compared: set[str] = set()
            for value in each.values:
                text = ast.unparse(value)
                late = [n for n in compared if f"type({n})" in text or f"isinstance({n}," in text]
                yield from ((value.lineno, f"the type of {name} is asked late") for name in late)
                match value:
                    case ast.Compare(left=ast.Name(id=name), ops=[ast.Eq() | ast.In(), *_]):
                        compared.add(name)


def doubts_at_the_end(tree: ast.AST) -> Iterator[Fault]:
    """What is certainly not None after a `try` is thought not to be None in its `finally`."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Try):
            given = {
                name.id
                for name in ast.walk(ast.Module(each.body, []))
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
            for asked in ast.walk(ast.Module(each.finalbody, [])):
                match asked:
                    case ast.Compare(ast.Name(name), comparators=[ast.Constant(None)]):
                        if name in given:
                            yield asked.lineno, f"{name} is compared with None at the end"


def constants_that_may_be_no_number(tree: ast.AST) -> Iterator[Fault]:
    """A constant that is a number or None is taken for a number, and may not compile."""
    for each in ast.walk(tree):
        if isinstance(each, ast.AnnAssign) and "Final[int | None]" in ast.unparse(each.annotation):
            yield each.lineno, f"{ast.unparse(each.target)} may be None"


RULES = (
    names_of_two_errors,
    names_of_choices,
    decorated_classes,
    types_asked_behind_values,
    doubts_at_the_end,
    constants_that_may_be_no_number,
)

BROKEN = {
    names_of_two_errors: "def f():\n try: pass\n except A as e: pass\n except B as e: pass",
    names_of_choices: "match x:\n case [str() | None as after]: pass",
    decorated_classes: "@record\nclass A: pass",
    types_asked_behind_values: "x == 0 and type(x) is int",
    doubts_at_the_end: "try:\n a = f()\nfinally:\n if a is not None: a.close()",
    constants_that_may_be_no_number: "N: Final[int | None] = getattr(m, 'n', None)",
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_it_is_for(rule):
    assert list(rule(ast.parse(BROKEN[rule])))


@pytest.mark.parametrize("room", rooms(ROOT))
def test_a_compiled_room_has_nothing_that_a_compiler_takes_otherwise(room):
    tree = ast.parse((ROOT / room).read_text())
    faults = [f"{room}:{line}: {text}" for rule in RULES for line, text in rule(tree)]
    assert not faults, "\n".join(faults)
