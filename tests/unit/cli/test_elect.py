import json

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.unit.fakeserver import STAT

PATH, NODE = "/elections/web", "/elections/web/leader"
GUARDS = [[PATH, 12]]


@pytest.fixture(autouse=True)
def _wins(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    server.answers[ops.RELEASE] = (codes.OK, True)
    server.answers[ops.CREATE] = (codes.OK, [NODE, STAT])
    server.answers[ops.DELETE] = (codes.OK, 1)


def stat_of(owner):
    return [*STAT[:8], owner, *STAT[9:]]


def lock_of(session, token):
    return ["/l", [[11, session, "c", False, token, 1000, "h:80"]], [], 0]


class Terms:
    """Has the server show one term after another; the end of them ends the command."""

    def __init__(self, server, *terms):
        self._terms = iter(terms)
        self._lock = None
        server.answers[ops.GET] = self._node
        server.answers[ops.LOCK_GET] = lambda _arguments: (codes.OK, self._lock)
        server.answers[ops.WATCH] = (codes.OK, 7)
        server.events = [
            [ops.EVENT, None, ops.CHANGED, NODE, revision, STAT, None]
            for revision in range(8, 8 + len(terms))
        ]

    def _node(self, _arguments):
        term = next(self._terms, "end")
        if term == "end":
            return codes.DENIED, None
        if term is None:
            return codes.NO_NODE, None
        value, owner, holder, token = term
        self._lock = lock_of(holder, token)
        return codes.OK, [value, stat_of(owner)]


def test_the_leader_says_who_it_is_under_its_token_and_takes_it_back(ctl, server, tmp_path):
    out = tmp_path / "out"
    script = f"echo $COORDSVC_LOCK $COORDSVC_FENCE > {out}; exit 3"
    assert ctl("elect", "web", "--value", "h:80", "--", "sh", "-c", script).exit_code == 3
    assert out.read_text() == "/elections/web 12\n"
    assert server.asked(ops.ACQUIRE)[0][4] == "h:80"
    announced = [NODE, b"h:80", ops.EPHEMERAL, False, False, 0, GUARDS]
    assert server.asked(ops.CREATE) == [announced]
    order = [op for op, _ in server.requests if op in ops.MUTATIONS]
    assert order == [ops.ACQUIRE, ops.CREATE, ops.DELETE, ops.RELEASE, ops.CLOSE]
    assert server.asked(ops.DELETE) == [[NODE, -1, False, GUARDS]]


def test_what_a_former_leader_left_behind_is_replaced(ctl, server):
    answers = iter([(codes.NODE_EXISTS, None), (codes.NODE_EXISTS, None)])
    server.answers[ops.CREATE] = lambda _a: next(answers, (codes.OK, [NODE, STAT]))
    gone = iter([(codes.OK, 1), (codes.NO_NODE, None)])
    server.answers[ops.DELETE] = lambda _a: next(gone, (codes.OK, 1))
    assert ctl("elect", "web", "--", "true").exit_code == 0
    assert len(server.asked(ops.CREATE)) == 3


def test_a_token_that_is_refused_starts_nothing(ctl, server, tmp_path):
    server.answers[ops.CREATE] = (codes.STALE_TOKEN, None)
    assert ctl("elect", "web", "--", "touch", str(tmp_path / "ran")).exit_code != 0
    assert not (tmp_path / "ran").exists()


def test_a_farewell_that_is_refused_changes_nothing(ctl, server):
    server.answers[ops.DELETE] = (codes.STALE_TOKEN, None)
    assert ctl("elect", "web", "--", "sh", "-c", "exit 4").exit_code == 4
    assert server.asked(ops.RELEASE)


def test_an_observer_sees_each_leader_and_its_loss(ctl, server):
    Terms(server, (b"h:80", 255, 255, 12), None, (b"h:81", 256, 256, 15))
    result = ctl("elect", "web", "--observe", "-o", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(row["value"], row["token"]) for row in rows] == [("h:80", 12), (None, 0), ("h:81", 15)]
    assert rows[0] == {
        "election": PATH,
        "value": "h:80",
        "encoding": "utf-8",
        "token": 12,
        "session": "0xff",
        "since": 1000,
    }
    watched = server.asked(ops.WATCH)[0]
    assert watched == [NODE, ops.WATCH_NODE, 7, False], "from where the node was read"


def test_in_text_too(ctl, server):
    Terms(server, None, (b"", 255, 255, 12), (b"", 255, 255, 12), (b"h", 256, 256, 15), None)
    lines = ctl("elect", "web", "--observe").stdout.splitlines()
    assert lines == ["nobody leads", "-  token 12", "h  token 15", "nobody leads"]


def test_who_wrote_the_node_but_lost_the_lock_does_not_lead(ctl, server):
    Terms(server, (b"old", 255, 256, 15), (b"new", 256, 256, 15))
    lines = ctl("elect", "web", "--observe").stdout.splitlines()
    assert lines == ["nobody leads", "new  token 15"]


def test_either_a_command_or_observe(ctl):
    assert ctl("elect", "web").exit_code == 2
    assert ctl("elect", "web", "--observe", "--", "true").exit_code == 2


def test_an_election_lost_at_once_starts_nothing(ctl, server, tmp_path):
    def lose(_arguments):
        server.push([ops.LOCK_EVENT, PATH, 11, ops.GONE, 0, 20])
        return codes.OK, [NODE, STAT]

    server.answers[ops.CREATE] = lose
    assert ctl("elect", "web", "--", "touch", str(tmp_path / "ran")).exit_code == 7
    assert not (tmp_path / "ran").exists()
