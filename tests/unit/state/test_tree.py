import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordsvc.base import limits
from coordsvc.base.vocabulary import codes, messages, ops
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Turn


def stat_of(machine_or_tree, path):
    tree = getattr(machine_or_tree, "tree", machine_or_tree)
    return dict(zip(messages.STAT_FIELDS, tree.nodes[path].stat(), strict=True))


def test_a_created_node_has_the_numbers_of_its_entry(cell):
    session = cell.open()
    applied = cell.create(session, "/a", b"xyz")
    revision = applied.revision
    assert applied.value[0] == "/a"
    assert stat_of(cell.machine, "/a") == {
        "czxid": revision, "mzxid": revision, "pzxid": revision, "ctime": 1000, "mtime": 1000,
        "version": 0, "cversion": 0, "aversion": 0, "owner": 0, "data_length": 3,
        "num_children": 0, "kind": ops.PERSISTENT, "ttl_ms": 0,
    }  # fmt: skip
    assert applied.value[1] == tuple(stat_of(cell.machine, "/a").values())


def test_set_moves_mzxid_mtime_and_version_only_even_with_equal_data(cell):
    session = cell.open()
    cell.create(session, "/a", b"x")
    before = stat_of(cell.machine, "/a")
    cell.now += 5
    applied = cell.set(session, "/a", b"x")
    assert stat_of(cell.machine, "/a") == {
        **before, "mzxid": applied.revision, "mtime": 1005, "version": 1,
    }  # fmt: skip


def test_cversion_is_twice_the_creates_less_the_children(cell):
    session = cell.open()
    cell.create(session, "/a")
    seen = []
    for step in (
        lambda: cell.create(session, "/a/1"),
        lambda: cell.create(session, "/a/2"),
        lambda: cell.delete(session, "/a/1"),
        lambda: cell.create(session, "/a/1"),
        lambda: cell.delete(session, "/a/2"),
    ):
        applied = step()
        assert stat_of(cell.machine, "/a")["pzxid"] == applied.revision
        seen.append(
            (stat_of(cell.machine, "/a")["cversion"], stat_of(cell.machine, "/a")["num_children"])
        )
    assert seen == [(1, 1), (2, 2), (3, 1), (4, 2), (5, 1)]


def test_pzxid_ignores_sets_and_grandchildren(cell):
    session = cell.open()
    cell.create(session, "/a")
    before = cell.create(session, "/a/b").revision
    cell.create(session, "/a/b/c")
    cell.set(session, "/a", b"")
    cell.delete(session, "/a/b/c")
    assert stat_of(cell.machine, "/a")["pzxid"] == before


def test_sequence_numbers_count_all_creates_and_survive_deletes(cell):
    session = cell.open()
    cell.create(session, "/a")
    assert cell.create(session, "/a/x-", seq=True).value[0] == "/a/x-0000000000"
    cell.create(session, "/a/plain")
    cell.delete(session, "/a/x-0000000000")
    assert cell.create(session, "/a/plain").code == codes.NODE_EXISTS
    assert cell.create(session, "/a/", seq=True).value[0] == "/a/0000000002"
    assert cell.create(session, "/a/e", kind=ops.EPHEMERAL, seq=True).value[0] == "/a/e0000000003"
    assert cell.create(session, "/new/s", seq=True, parents=True).value[0] == "/new/s0000000000"
    assert cell.create(session, "/", seq=True).value[0] == "/0000000002"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("", codes.BAD_PATH),
        ("a", codes.BAD_PATH),
        ("a/b", codes.NO_NODE),
        ("/a\0", codes.BAD_PATH),
        ("/", codes.NODE_EXISTS),
        ("/a/../b", codes.NO_NODE),
        ("/..", codes.BAD_PATH),
        ("/p/", codes.BAD_PATH),
        ("//p", codes.BAD_PATH),
        ("/no/where", codes.NO_NODE),
        ("/p", codes.NODE_EXISTS),
        ("/e/c", codes.NO_CHILDREN_FOR_EPHEMERALS),
        ("/\U0001f600", codes.BAD_PATH),
        ("/...", codes.OK),
    ],
)
def test_create_checks_in_the_order_of_zookeeper(cell, path, code):
    session = cell.open()
    cell.create(session, "/p")
    cell.create(session, "/e", kind=ops.EPHEMERAL)
    assert cell.create(session, path).code == code


def test_a_bad_path_with_parents_creates_nothing(cell):
    session = cell.open()
    for path in ("/x//y", "/x/./y", "x/y", "/x/y/"):
        applied = cell.create(session, path, parents=True)
        assert (applied.code, applied.events) == (codes.BAD_PATH, ())
    assert list(cell.machine.tree.nodes) == ["/"]


def test_parents_are_created_from_the_top_with_an_event_each(cell):
    session = cell.open()
    applied = cell.create(session, "/a/b/c", b"x", parents=True)
    assert [(e.kind, e.path) for e in applied.events] == [
        (ops.CREATED, "/a"), (ops.CREATED, "/a/b"), (ops.CREATED, "/a/b/c"),
    ]  # fmt: skip
    cell.create(session, "/e", kind=ops.EPHEMERAL)
    assert cell.create(session, "/e/x/y", parents=True).code == codes.NO_CHILDREN_FOR_EPHEMERALS
    assert "/e/x" not in cell.machine.tree.nodes


def test_delete_checks_in_order_and_the_root_stays(cell):
    session = cell.open()
    cell.create(session, "/a/b", parents=True)
    assert cell.delete(session, "/").code == codes.BAD_PATH
    assert cell.delete(session, "x").code == codes.BAD_PATH
    assert cell.delete(session, "/no/such").code == codes.NO_NODE
    assert cell.delete(session, "/a", version=7).code == codes.BAD_VERSION
    assert cell.delete(session, "/a", version=0).code == codes.NOT_EMPTY
    assert cell.delete(session, "/a/b", version=0).value == 1
    assert cell.machine.tree.nodes["/a"].children is None


def test_a_recursive_delete_takes_children_before_parents_in_order(cell):
    session = cell.open()
    for path in ("/a/c/2", "/a/b", "/a/c/1", "/keep"):
        cell.create(session, path, parents=True)
    applied = cell.delete(session, "/a", recursive=True)
    gone = [event.path for event in applied.events]
    assert applied.value == 5
    assert sorted(gone) == ["/a", "/a/b", "/a/c", "/a/c/1", "/a/c/2"]
    for path in gone:
        assert all(not other.startswith(path + "/") for other in gone[gone.index(path) :])
    assert applied.events[-1].stat[messages.STAT_FIELDS.index("num_children")] == 0
    assert list(cell.machine.tree.nodes) == ["/", "/keep"]


def test_a_recursive_delete_is_bounded(cell, monkeypatch):
    monkeypatch.setattr(limits, "DELETE_NODES_MAX", 4)
    session = cell.open()
    for n in range(4):
        cell.create(session, f"/a/{n}", parents=True)
    assert cell.delete(session, "/a", recursive=True).code == codes.TOO_MANY
    assert len(cell.machine.tree) == 6
    cell.delete(session, "/a/0")
    assert cell.delete(session, "/a", recursive=True).value == 4


def test_undo_puts_back_everything_including_counters():
    tree = Tree()
    tree.create(Turn(1, 10, 0), "/a", b"1")
    tree.create(Turn(2, 20, 0), "/a/b", b"2")
    before = {path: (node.stat(), node.data, node.creates) for path, node in tree.nodes.items()}
    tree.begin_undoable()
    turn = Turn(3, 30, 0)
    tree.delete(turn, "/a/b")
    tree.create(turn, "/a/b", b"again")
    tree.set_data(turn, "/a/b", b"more")
    tree.create(turn, "/a/c/d", b"", parents=True)
    tree.set_data(turn, "/a", b"x")
    tree.delete(turn, "/a", recursive=True)
    tree.create(turn, "/z", b"")
    tree.undo()
    after = {path: (node.stat(), node.data, node.creates) for path, node in tree.nodes.items()}
    assert after == before
    assert tree.nodes["/a"].children == {"/a/b": None}


def test_removing_a_node_with_children_is_a_fault_of_ours():
    tree = Tree()
    tree.create(Turn(1, 1, 0), "/a/b", b"", parents=True)
    with pytest.raises(AssertionError):
        tree.remove(Turn(2, 2, 0), "/a")


def test_child_maps_share_the_path_with_the_tree(cell):
    session = cell.open()
    cell.create(session, "/a/bcd", parents=True)
    (key,) = cell.machine.tree.nodes["/a"].children
    assert any(key is path for path in cell.machine.tree.nodes)


PATHS = st.sampled_from(["/a", "/a/b", "/a/b/c", "/a/d", "/e", "/e/f", "/a/b/c/g"])


class TreeMatchesAModel(RuleBasedStateMachine):
    """The tree against a dict of path -> [data, version, creates]."""

    def __init__(self):
        super().__init__()
        self.tree = Tree()
        self.model = {"/": [b"", 0, 0]}
        self.revision = 0

    def turn(self):
        self.revision += 1
        return Turn(self.revision, self.revision * 10, 0)

    @staticmethod
    def parent(path):
        return path[: path.rfind("/")] or "/"

    def below(self, path):
        return [p for p in self.model if p.startswith(path + "/")]

    @rule(path=PATHS, data=st.binary(max_size=3), parents=st.booleans(), seq=st.booleans())
    def create(self, path, data, parents, seq):
        code, value = self.tree.create(self.turn(), path, data, parents=parents, sequential=seq)
        parent = self.parent(path)
        if seq:
            path += f"{self.model.get(parent, [0, 0, 0])[2]:010d}"
        if parent not in self.model and not parents:
            assert code == codes.NO_NODE
        elif path in self.model:
            assert code == codes.NODE_EXISTS
        else:
            assert code == codes.OK
            assert value[0] == path
            todo = [path]
            while self.parent(todo[-1]) not in self.model:
                todo.append(self.parent(todo[-1]))
            for new in reversed(todo):
                self.model[new] = [data if new == path else b"", 0, 0]
                self.model[self.parent(new)][2] += 1

    @rule(path=PATHS, data=st.binary(max_size=3), version=st.integers(-1, 2))
    def set(self, path, data, version):
        code, _ = self.tree.set_data(self.turn(), path, data, version)
        if path not in self.model:
            assert code == codes.NO_NODE
        elif version not in (-1, self.model[path][1]):
            assert code == codes.BAD_VERSION
        else:
            assert code == codes.OK
            self.model[path][0] = data
            self.model[path][1] += 1

    @rule(path=PATHS, recursive=st.booleans())
    def delete(self, path, recursive):
        code, count = self.tree.delete(self.turn(), path, recursive=recursive)
        if path not in self.model:
            assert code == codes.NO_NODE
        elif self.below(path) and not recursive:
            assert code == codes.NOT_EMPTY
        else:
            doomed = [path, *self.below(path)]
            assert (code, count) == (codes.OK, len(doomed))
            for gone in doomed:
                del self.model[gone]

    @rule(path=PATHS)
    def undone(self, path):
        self.tree.begin_undoable()
        turn = self.turn()
        self.tree.delete(turn, path, recursive=True)
        self.tree.create(turn, path, b"?", parents=True)
        self.tree.set_data(turn, path, b"!")
        self.tree.undo()

    @invariant()
    def they_agree(self):
        assert sorted(self.tree.nodes) == sorted(self.model)
        for path, (data, version, creates) in self.model.items():
            node = self.tree.nodes[path]
            children = [p for p in self.model if p != "/" and self.parent(p) == path]
            stat = stat_of(self.tree, path)
            assert node.data == data
            assert sorted(node.children or ()) == sorted(children)
            assert stat["version"] == version
            assert stat["num_children"] == len(children)
            assert stat["cversion"] == 2 * creates - len(children)


TestTreeMatchesAModel = TreeMatchesAModel.TestCase
TestTreeMatchesAModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
