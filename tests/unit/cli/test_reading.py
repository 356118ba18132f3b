import json

import pytest

from coordsvc.base.vocabulary import codes, messages, ops
from tests.unit.fakeserver import STAT


def stat(**numbers):
    fields = dict(zip(messages.STAT_FIELDS, STAT, strict=True))
    return [*{**fields, **numbers}.values()]


@pytest.fixture
def tree(server):
    """Serve /a/b (with data) and /c, two children to a page at most."""
    children = {"/": ["a", "c"], "/a": ["b"]}

    def list_children(arguments):
        path, _limit, after, _cursor, with_data = arguments
        names = [name for name in children.get(path, []) if after is None or name > after]
        page, rest = names[:1], names[1:]
        items = (
            page if not with_data else [[n, b"x", stat(num_children=int(n == "a"))] for n in page]
        )
        return codes.OK, [items, 9 if rest else 0]

    server.answers[ops.CHILDREN] = list_children
    return server


def test_get_prints_exactly_the_data(ctl, server):
    server.answers[ops.GET] = (codes.OK, [b"\xff\x00", STAT])
    assert ctl("get", "/a").stdout_bytes == b"\xff\x00"


def test_get_as_json_has_all_the_numbers(ctl, server):
    server.answers[ops.GET] = (codes.OK, ["ü".encode(), STAT])
    fields = json.loads(ctl("get", "/a", "-o", "json").stdout)
    assert (fields["path"], fields["value"], fields["encoding"]) == ("/a", "ü", "utf-8")
    assert (fields["version"], fields["revision"], fields["kind"]) == (2, 7, "persistent")


def test_get_as_a_table(ctl, server):
    server.answers[ops.GET] = (codes.OK, [b"x", STAT])
    assert ctl("get", "/a", "-o", "table").stdout.splitlines()[1] == "/a    x      2        7"


def test_a_read_can_be_told_how_new_it_has_to_be(ctl, server):
    server.answers[ops.GET] = (codes.OK, [b"x", STAT])
    assert ctl("get", "/a", "--consistency", "stale").exit_code == 0
    assert ctl("get", "/a", "--consistency", "fresh").exit_code == 2


def test_ls_prints_names_over_all_pages(ctl, tree):
    assert ctl("ls").stdout == "a\nc\n"
    assert [a[2:4] for a in tree.asked(ops.CHILDREN)] == [[None, 0], ["a", 9]]


def test_ls_long_and_json_have_the_numbers(ctl, tree):
    assert ctl("ls", "-l", "/").stdout.splitlines()[1].split()[:3] == ["a", "persistent", "5"]
    rows = json.loads(ctl("ls", "/", "-o", "json").stdout)
    assert [row["path"] for row in rows] == ["/a", "/c"]
    assert [a[4] for a in tree.asked(ops.CHILDREN)] == [True] * 4


def test_tree_draws_what_is_below(ctl, tree):
    assert ctl("tree").stdout.splitlines() == ["/", "├─ a  5 B", "│  └─ b  5 B", "└─ c  5 B"]
    assert ctl("tree", "-d", "1").stdout.splitlines() == ["/", "├─ a  5 B", "└─ c  5 B"]
    assert ctl("tree", "/a").stdout.splitlines() == ["/a", "└─ b  5 B"]


def test_tree_as_jsonl_has_the_paths(ctl, tree):
    lines = ctl("tree", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["/a", "/a/b", "/c"]


def test_stat_shows_what_there_is_to_show(ctl, server):
    server.answers[ops.STAT] = (codes.OK, stat(owner=255, kind=ops.EPHEMERAL))
    assert "owner             0xff" in ctl("stat", "/a").stdout
    assert json.loads(ctl("stat", "/a", "-o", "json").stdout)["owner"] == "0xff"


@pytest.mark.parametrize(
    ("code", "exit_code"), [(codes.OK, 0), (codes.NO_NODE, 3), (codes.BAD_PATH, 2)]
)
def test_exists_tells_by_its_exit_code(ctl, server, code, exit_code):
    server.answers[ops.STAT] = (code, None)
    result = ctl("exists", "/a")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert bool(result.stderr) == (exit_code == 2)
