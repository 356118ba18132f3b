from hypothesis import given
from hypothesis import strategies as st

from coordsvc.state.sweep import Sweep
from coordsvc.state.tree import Tree
from coordsvc.state.turn import Turn


def encode(key, value):
    return f"{key}={value[0]}".encode()


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("sdct")), max_size=40))
def test_a_sweep_shows_the_table_as_it_was_when_it_began(steps):
    table = {key: [0] for key in range(4)}
    sweep = Sweep(table, encode)
    taken = []
    for key, step in steps:
        if step == "t":
            taken.append(sweep.take())
            continue
        sweep.before_change(key)
        if step == "d":
            table.pop(key, None)
        elif step == "s" and key in table:
            table[key][0] += 1
        else:
            table[key] = [99]
    while (item := sweep.take()) is not None:
        taken.append(item)
    assert sorted(item for item in taken if item) == [b"0=0", b"1=0", b"2=0", b"3=0"]


PATHS = ("/a", "/b", "/a/x", "/a/y", "/a/x/z", "/b/x")


def encode_node(path, node):
    return repr((path, node.data)).encode()


@given(
    st.sets(st.sampled_from(PATHS)),
    st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from("cdrsut")), max_size=40),
)
def test_a_sweep_of_the_tree_shows_it_as_it_was_when_it_began(before, steps):
    tree = Tree()

    def turn():
        return Turn(7, 1, 1_000)

    for path in sorted(before):
        tree.create(turn(), path, b"0", parents=True)
    for _ in range(2):
        wanted = sorted(encode_node(*item) for item in tree.nodes.items())
        tree.begin_sweep(encode_node)
        sweep = tree.sweep
        taken = []
        for path, step in steps:
            if step == "t":
                taken.append(sweep.take())
            elif step == "c":
                tree.create(turn(), path, b"new", parents=True)
            elif step in "dr":
                tree.delete(turn(), path, recursive=step == "r")
            elif step == "s":
                tree.set_data(turn(), path, b"set")
            else:
                tree.begin_undoable()
                tree.create(turn(), path, b"undone", parents=True)
                tree.set_data(turn(), path, b"undone")
                tree.delete(turn(), path, recursive=True)
                tree.undo()
        while (item := sweep.take()) is not None:
            taken.append(item)
        tree.sweep = None
        assert sorted(item for item in taken if item) == wanted
