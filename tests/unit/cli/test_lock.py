import os

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli.lock import own_name, place_of

PRINT = "import os; print(os.environ['COORDSVC_LOCK'], os.environ['COORDSVC_FENCE'], flush=True)"


@pytest.fixture(autouse=True)
def _free_lock(server):
    server.answers[ops.ACQUIRE] = (codes.OK, [ops.HELD, 11, 12, 0])
    server.answers[ops.RELEASE] = (codes.OK, True)


def test_a_name_lies_in_the_folder_of_locks():
    assert place_of("deploy") == "/locks/deploy"
    assert place_of("/x/deploy") == "/x/deploy"


def test_the_command_runs_under_the_lock_and_gives_its_code(ctl, server, tmp_path):
    out = tmp_path / "out"
    script = f"echo $COORDSVC_LOCK $COORDSVC_FENCE > {out}; exit 9"
    result = ctl("lock", "deploy", "-w", "3", "--note", "rel 4", "--", "sh", "-c", script)
    assert result.exit_code == 9
    assert out.read_text() == "/locks/deploy 12\n"
    assert server.asked(ops.ACQUIRE) == [["/locks/deploy", False, True, 0, "rel 4"]]
    assert server.asked(ops.RELEASE) == [["/locks/deploy", 11]]
    assert server.hellos[0][5] == 15_000
    assert server.hellos[0][7] == own_name()


def test_others_see_the_command_unless_there_is_a_note(ctl, server):
    ctl("lock", "deploy", "-s", "--ttl", "5", "true")
    assert server.asked(ops.ACQUIRE) == [["/locks/deploy", True, True, 0, "true"]]
    assert server.hellos[0][5] == 5_000


@pytest.mark.parametrize(
    ("flags", "exit_code"), [(["-n"], 75), (["-n", "-E", "42"], 42), (["-w", "0"], 75)]
)
def test_a_lock_that_is_taken_gives_its_own_exit_code(ctl, server, tmp_path, flags, exit_code):
    server.answers[ops.ACQUIRE] = (codes.LOCKED, None)
    result = ctl("lock", "deploy", *flags, "--", "touch", str(tmp_path / "ran"))
    assert result.exit_code == exit_code
    assert not (tmp_path / "ran").exists()


def test_a_claim_that_is_refused_for_another_reason_says_so(ctl, server):
    server.answers[ops.ACQUIRE] = (codes.DENIED, None)
    assert ctl("lock", "deploy", "--", "true").exit_code == 6


def test_a_lost_lock_is_exit_code_76(ctl, server):
    server.events = [[ops.LOCK_EVENT, "/locks/deploy", 11, ops.GONE, 0, 20]]
    script = "sleep 30"
    result = ctl("lock", "deploy", "--", "sh", "-c", script)
    # The event follows the grant at once: it may come before the command or while it runs.
    assert result.exit_code in (76, 7)


def test_a_command_that_is_not_there_is_127_and_the_lock_is_given_back(ctl, server):
    result = ctl("lock", "deploy", "--", "/no/such/command")
    assert result.exit_code == 127
    assert "No such file" in result.stderr
    assert server.asked(ops.CLOSE)


def test_a_lock_wants_a_command(ctl):
    assert ctl("lock", "deploy").exit_code == 2


def test_a_user_without_a_name_is_known_by_number(monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert own_name().startswith(f"{os.getuid()}@")
