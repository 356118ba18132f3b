"""Transactions: conditions, then one of two branches as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes
from coordsvc.state.commands import Transaction
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.writes import Writes

S = TypeVar("S")


def run(turn: Turn, transaction: Transaction, writes: Writes, tree: Tree) -> Outcome:
    """Carry out a transaction; the result is [succeeded, [[code, value], ...]].

    `succeeded` says that the conditions held and `then` took effect. The list answers each
    operation of the branch that was tried. If one failed nothing has changed: it has its own
    code and all others have ROLLED_BACK, so any code but OK means that the branch was undone.
    """
    holds = all(writes.run(turn, condition)[0] == codes.OK for condition in transaction.conditions)
    branch = transaction.then if holds else transaction.otherwise
    done, results = run_all(turn, branch, writes.run, tree)
    return codes.OK, (holds and done, results)


def run_all(
    turn: Turn, steps: list[S], run_one: Callable[[Turn, S], Outcome], tree: Tree
) -> tuple[bool, list[Value]]:
    """Do all steps or none; return whether they were done, and a [code, value] for each."""
    results: list[Value] = []
    tree.begin_undoable()
    for at, step in enumerate(steps):
        code, value = run_one(turn, step)
        if code != codes.OK:
            tree.undo()
            turn.events.clear()
            undone: list[Value] = [(codes.ROLLED_BACK, None)] * len(steps)
            undone[at] = (code, value)
            return False, undone
        results.append((code, value))
    tree.commit()
    return True, results
