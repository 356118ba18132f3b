"""Transactions: conditions, then one of two branches as a whole or not at all."""

from __future__ import annotations

from coordsvc.base.values import Value
from coordsvc.base.vocabulary import codes
from coordsvc.state.commands import Step, Transaction
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Outcome, Turn
from coordsvc.state.writes import Writes


def run(turn: Turn, transaction: Transaction, writes: Writes, tree: Tree) -> Outcome:
    """Carry out a transaction; the result is [succeeded, [[code, value], ...]].

    `succeeded` says that the conditions held and `then` took effect. The list answers each
    operation of the branch that was tried. If one failed nothing has changed: it has its own
    code and all others have ROLLED_BACK, so any code but OK means that the branch was undone.
    """
    holds = all(writes.run(turn, condition)[0] == codes.OK for condition in transaction.conditions)
    done, results = _run_branch(
        turn, transaction.then if holds else transaction.otherwise, writes, tree
    )
    return codes.OK, (holds and done, results)


def _run_branch(
    turn: Turn, steps: list[Step], writes: Writes, tree: Tree
) -> tuple[bool, list[Value]]:
    results: list[Value] = []
    tree.begin_undoable()
    for at, step in enumerate(steps):
        code, value = writes.run(turn, step)
        if code != codes.OK:
            tree.undo()
            turn.events.clear()
            undone: list[Value] = [(codes.ROLLED_BACK, None)] * len(steps)
            undone[at] = (code, value)
            return False, undone
        results.append((code, value))
    tree.commit()
    return True, results
