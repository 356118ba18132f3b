import json
import sys

import pytest

from coordsvc.base.vocabulary import codes, ops
from tests.unit.fakeserver import STAT


@pytest.fixture(autouse=True)
def _one_change(server):
    server.answers[ops.WATCH] = (codes.OK, 7)
    server.events = [[ops.EVENT, None, ops.CHANGED, "/a", 8, STAT, b"new"]]


def test_a_change_is_a_line(ctl, server):
    assert ctl("watch", "/a", "-1").stdout == "8  changed /a  new\n"
    assert server.asked(ops.WATCH)[0][:3] == ["/a", ops.WATCH_NODE, 0]


def test_a_change_as_json(ctl, server):
    fields = json.loads(ctl("watch", "/a", "-1", "-r", "--since", "5", "-o", "jsonl").stdout)
    assert fields == {
        "event": "changed",
        "path": "/a",
        "revision": 8,
        "version": 2,
        "value": "new",
        "encoding": "utf-8",
    }
    assert server.asked(ops.WATCH)[0][:3] == ["/a", ops.WATCH_SUBTREE, 5]


def test_a_command_gets_the_change(ctl, tmp_path):
    out = tmp_path / "out"
    script = (
        "import os, sys; open(sys.argv[1], 'w').write(' '.join(os.environ[n] for n in "
        "('COORDSVC_EVENT', 'COORDSVC_PATH', 'COORDSVC_REVISION')) + ' ' + sys.stdin.read())"
    )
    result = ctl("watch", "/a", "-1", "--", sys.executable, "-c", script, str(out))
    assert result.exit_code == 0
    assert out.read_text() == "changed /a 8 new"


def test_a_command_that_fails_is_told(ctl):
    result = ctl("watch", "/a", "-1", "--", sys.executable, "-c", "raise SystemExit(4)")
    assert "ended with exit code 4" in result.stderr
    assert result.exit_code == 0
