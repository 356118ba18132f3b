from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.commands import CheckVersion, Create, Put
from coordsvc.state.locks import LockTable
from coordsvc.state.sessions import SessionTable
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Turn
from coordsvc.state.writes import Writes


def writes():
    tree = Tree()
    return tree, Writes(tree, LockTable(SessionTable()))


def test_a_step_that_fails_changes_nothing():
    tree, run = writes()
    turn = Turn(1, 1, 0)
    assert run.run(turn, Put("/a/b", b"", False, []))[0] == codes.NO_NODE
    assert run.run(turn, Put("/a", b"", False, [("/l", 1)]))[0] == codes.STALE_TOKEN
    ephemeral = Create("/a", b"", ops.EPHEMERAL, False, False, 0, [])
    assert run.run(turn, ephemeral)[0] == codes.BAD_ARGUMENTS
    assert (turn.events, len(tree)) == ([], 1)


def test_checks_follow_zookeepers_order():
    tree, run = writes()
    tree.create(Turn(1, 1, 0), "/a", b"")
    turn = Turn(2, 2, 0)
    assert run.run(turn, CheckVersion("a", 0))[0] == codes.BAD_PATH
    assert run.run(turn, CheckVersion("/b", 0))[0] == codes.NO_NODE
    assert run.run(turn, CheckVersion("/a", 1))[0] == codes.BAD_VERSION
    assert run.run(turn, CheckVersion("/a", 0))[0] == codes.OK
