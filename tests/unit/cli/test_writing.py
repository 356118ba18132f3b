import json

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.unit.fakeserver import STAT


@pytest.fixture(autouse=True)
def _good_answers(server):
    server.answers[ops.PUT] = (codes.OK, [True, STAT])
    server.answers[ops.SET] = (codes.OK, STAT)
    server.answers[ops.CREATE] = (codes.OK, ["/a-0000000001", STAT])
    server.answers[ops.DELETE] = (codes.OK, 3)


def test_put_creates_with_parents(ctl, server):
    result = ctl("put", "/a", "x")
    assert server.asked(ops.PUT) == [["/a", b"x", True, []]]
    assert result.stdout == ""
    assert result.stderr == "created /a  version 2  revision 7\n"
    assert server.asked(ops.CLOSE), "the session does not stay behind"


def test_put_says_when_it_was_there_already(ctl, server):
    server.answers[ops.PUT] = (codes.OK, [False, STAT])
    assert ctl("put", "/a", "x", "--no-parents").stderr.startswith("set /a")
    assert server.asked(ops.PUT)[0][2] is False


def test_a_dash_is_standard_input(ctl, server):
    ctl("put", "/a", "-", input=b"\xff\n")
    assert server.asked(ops.PUT)[0][1] == b"\xff\n"


def test_quiet_says_nothing(ctl):
    assert ctl("put", "/a", "x", "-q").output == ""


def test_json_says_what_was_done(ctl):
    fields = json.loads(ctl("set", "/a", "x", "-o", "json").stdout)
    assert (fields["done"], fields["path"], fields["version"]) == ("set", "/a", 2)


def test_set_can_be_conditional(ctl, server):
    server.answers[ops.SET] = (codes.BAD_VERSION, None)
    result = ctl("set", "/a", "x", "--if-version", "0")
    assert result.exit_code == 4
    assert server.asked(ops.SET) == [["/a", b"x", 0, []]]


def test_a_write_can_be_fenced_with_a_token(ctl, server):
    ctl("set", "/a", "x", "--fence", "/locks/l=12", "--fence", "/m=3")
    assert server.asked(ops.SET)[0][3] == [["/locks/l", 12], ["/m", 3]]
    assert ctl("set", "/a", "x", "--fence", "/m").exit_code == 2


def test_create_prints_the_name_that_was_chosen(ctl, server):
    result = ctl("create", "/a-", "-s")
    assert result.stdout == "/a-0000000001\n"
    assert server.asked(ops.CREATE) == [["/a-", None, ops.PERSISTENT, True, True, 0, []]]
    assert ctl("create", "/a").stdout == ""


def test_create_knows_containers_and_times_to_live(ctl, server):
    ctl("create", "/a", "x", "--container")
    ctl("create", "/a", "x", "--ttl", "1.5")
    assert [a[2::3] for a in server.asked(ops.CREATE)] == [[ops.CONTAINER, 0], [ops.TTL, 1500]]
    assert ctl("create", "/a", "--ttl", "1", "--container").exit_code == 2


def test_an_ephemeral_is_refused_because_it_would_be_gone_at_once(ctl, server):
    result = ctl("create", "/a", "-e")
    assert result.exit_code == 2
    assert "coordctl elect" in result.stderr
    assert not server.requests


def test_create_of_what_exists_is_exit_code_4(ctl, server):
    server.answers[ops.CREATE] = (codes.NODE_EXISTS, None)
    assert ctl("create", "/a").exit_code == 4


def test_rm_removes_one_or_all(ctl, server):
    assert ctl("rm", "/a", "--if-version", "2").stderr == "removed /a\n"
    assert ctl("rm", "-r", "/a").stderr == "removed /a  3 nodes\n"
    assert json.loads(ctl("rm", "/a", "-o", "json").stdout)["nodes"] == 3
    assert [a[1:3] for a in server.asked(ops.DELETE)] == [[2, False], [-1, True], [-1, False]]
