import json

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.unit.fakeserver import STAT


@pytest.fixture(autouse=True)
def _wins(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    server.answers[ops.RELEASE] = (codes.OK, True)
    server.answers[ops.SET] = (codes.OK, STAT)


def test_the_leader_says_who_it_is_under_its_token(ctl, server, tmp_path):
    out = tmp_path / "out"
    script = f"echo $COORDSVC_LOCK $COORDSVC_FENCE > {out}; exit 3"
    assert ctl("elect", "web", "--value", "h:80", "--", "sh", "-c", script).exit_code == 3
    assert out.read_text() == "/elections/web 12\n"
    assert server.asked(ops.ACQUIRE)[0][4] == "h:80"
    assert server.asked(ops.SET) == [["/elections/web", b"h:80", -1, [["/elections/web", 12]]]]


def test_an_observer_sees_the_leader_and_then_the_next(ctl, server):
    tokens = iter([12, 15])

    def leader(_arguments):
        token = next(tokens, None)
        if token is None:
            return codes.DENIED, None  # ends the command, which otherwise has no end
        claim = [11, 255, "c", False, token, 1000, "h:80"]
        return codes.OK, ["/elections/web", [claim], [], 0]

    server.answers[ops.LOCK_GET] = leader
    server.answers[ops.WATCH] = (codes.OK, 7)
    server.events = [
        [ops.EVENT, None, ops.CHANGED, "/elections/web", revision, STAT, None]
        for revision in (8, 9)
    ]
    result = ctl("elect", "web", "--observe", "-o", "jsonl")
    assert [json.loads(line)["token"] for line in result.stdout.splitlines()] == [12, 15]


def test_an_election_that_nobody_stood_for_has_no_leader(ctl, server):
    answers = iter([(codes.NO_NODE, None), (codes.OK, ["/e", [], [], 0])])
    server.answers[ops.LOCK_GET] = lambda _a: next(answers, (codes.DENIED, None))
    server.answers[ops.WATCH] = (codes.OK, 7)
    server.events = [[ops.EVENT, None, ops.CHANGED, "/e", n, STAT, None] for n in (8, 9)]
    result = ctl("elect", "/e", "--observe")
    assert (result.stdout, result.exit_code) == ("", 6)


def test_either_a_command_or_observe(ctl):
    assert ctl("elect", "web").exit_code == 2
    assert ctl("elect", "web", "--observe", "--", "true").exit_code == 2


def test_an_election_lost_at_once_starts_nothing(ctl, server, tmp_path):
    def lose(_arguments):
        server.push([ops.LOCK_EVENT, "/elections/web", 11, ops.GONE, 0, 20])
        return codes.OK, STAT

    server.answers[ops.SET] = lose
    assert ctl("elect", "web", "--", "touch", str(tmp_path / "ran")).exit_code == 7
    assert not (tmp_path / "ran").exists()
