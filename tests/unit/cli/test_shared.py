import socket
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from coordsvc.base.vocabulary import codes, ops
from coordsvc.cli.shared import CtlGroup, parameters, shared
from tests.unit.fakeserver import STAT


@pytest.fixture
def seen():
    """Run a group with the shared options on it and on its command; return what was seen."""

    def run(*arguments, **environment):
        found = []

        @click.group(cls=type("G", (CtlGroup,), {"places": {}}), params=parameters())
        def group():
            pass

        group.get_command = lambda context, name: command
        group.list_commands = lambda context: ["do"]

        @click.command(params=parameters())
        def command():
            found.append(shared())

        result = CliRunner().invoke(group, list(arguments), env=environment)
        return found[0] if found else result

    return run


def test_without_any_option_the_cluster_of_coordsvc_dev_is_meant(seen):
    options = seen("do")
    assert options.endpoints == ("127.0.0.1:2181", "127.0.0.1:2182", "127.0.0.1:2183")
    assert options.http_endpoints == ("127.0.0.1:8181", "127.0.0.1:8182", "127.0.0.1:8183")
    assert (options.output, options.quiet, options.timeout_s) == ("text", False, 10.0)


def test_an_option_may_stand_on_either_side_and_the_later_one_counts(seen):
    assert seen("-o", "json", "do").output == "json"
    assert seen("do", "-o", "json").output == "json"
    assert seen("-o", "json", "do", "-o", "jsonl").output == "jsonl"
    assert seen("-q", "do").quiet
    assert seen("do", "-q").quiet


def test_a_flag_beats_its_variable(seen):
    assert seen("do", COORDSVC_ENDPOINTS="a:1").endpoints == ("a:1",)
    assert seen("--endpoints", "b:2", "do", COORDSVC_ENDPOINTS="a:1").endpoints == ("b:2",)
    assert seen("do", "--timeout", "3", COORDSVC_TIMEOUT="9").timeout_s == 3.0


def test_a_port_may_be_left_out(seen):
    options = seen("--endpoints", "coord://a, [::1] ,b:7,[::2]:9/", "do")
    assert options.endpoints == ("a:2181", "[::1]:2181", "b:7", "[::2]:9")
    assert options.http_endpoints == ("a:8181", "[::1]:8181", "b:6007", "[::2]:6009")
    assert seen("--http-endpoints", "http://x", "do").http_endpoints == ("x:8181",)


def test_a_bad_endpoint_is_a_usage_error(seen):
    result = seen("--endpoints", "a:b", "do")
    assert result.exit_code == 2
    assert "is not host:port" in result.output


@pytest.mark.parametrize(("code", "exit_code"), [(codes.NO_NODE, 3), (codes.DENIED, 6)])
def test_a_refusal_becomes_an_exit_code_and_a_line_on_stderr(ctl, server, code, exit_code):
    server.answers[ops.GET] = (code, None)
    result = ctl("get", "/a")
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr.startswith("coordctl: /a: ")


def coordctl(*arguments, endpoint, **options):
    command = [sys.executable, "-c", "from coordsvc.cli.ctl import main; main()"]
    return subprocess.run(
        [*command, "--endpoints", endpoint, *arguments],
        capture_output=True,
        check=False,
        **options,
    )


def test_the_process_ends_with_the_exit_code(server):
    server.answers[ops.GET] = lambda a: (
        (codes.NO_NODE, None) if a == ["/none"] else (codes.OK, [b"\xff\x00", STAT])
    )
    good = coordctl("get", "/a", endpoint=server.endpoint)
    assert (good.returncode, good.stdout) == (0, b"\xff\x00")
    assert coordctl("get", "/none", endpoint=server.endpoint).returncode == 3
    assert coordctl("gte", endpoint=server.endpoint).returncode == 2


def test_nobody_to_ask_is_exit_code_5():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        done = coordctl("--timeout", "0.1", "get", "/a", endpoint=endpoint)
    assert done.returncode == 5
    assert b"Connection refused" in done.stderr


def test_no_answer_in_time_is_exit_code_124(server):
    server.silent = True
    done = coordctl("--timeout", "0.3", "get", "/a", endpoint=server.endpoint)
    assert done.returncode == 124


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize(
    "words",
    [
        ("--timeout", "#", "get", "/a"),
        ("lock", "a", "-w", "#", "--", "true"),
        ("lock", "a", "--ttl", "#", "--", "true"),
        ("elect", "a", "--ttl", "#", "--", "true"),
        ("create", "/a", "--ttl", "#"),
    ],
)
def test_a_time_without_an_end_is_wrong_usage(ctl, words, number):
    result = ctl(*(number if word == "#" else word for word in words))
    assert result.exit_code == 2
