import tomllib

import pytest
from click.testing import CliRunner

from coordsvc.cli.main import cli
from coordsvc.server.options import OPTIONS


def run(*arguments, **environment):
    return CliRunner().invoke(cli, list(arguments), env=environment)


def test_what_show_prints_is_a_file_that_means_the_same(tmp_path):
    first = run("config", "show", "--node", "n2", "--members", "n1=a,n2=b", "--lease-reads")
    file = tmp_path / "coordsvc.toml"
    file.write_text(first.stdout)
    assert tomllib.loads(first.stdout)["lease-reads"] is True
    assert run("config", "show", "--config", str(file)).stdout == first.stdout


def test_show_says_where_each_value_comes_from():
    lines = run("config", "show", "--origin", "--node", "n2", COORDSVC_CLUSTER="c").stdout
    assert 'node = "n2"' in lines
    assert "# --node" in lines
    assert "# COORDSVC_CLUSTER" in lines
    assert lines.count("# default") == len(OPTIONS) - 2


def test_a_switch_can_be_turned_off_again():
    assert (
        "insecure = false" in run("config", "show", "--no-insecure", COORDSVC_INSECURE="1").stdout
    )


def test_a_flag_beats_its_variable():
    assert 'node = "flag"' in run("config", "show", "--node", "flag", COORDSVC_NODE="env").stdout


def test_check_is_silent_when_all_is_well():
    result = run("config", "check")
    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["serve"]])
def test_faults_are_told_on_stderr_with_exit_code_2(command):
    result = run(*command, "--node", "a b", COORDSVC_NOED="x")
    assert result.exit_code == 2
    assert result.stdout == ""
    first, second = result.stderr.splitlines()
    assert first == "coordsvc: variable COORDSVC_NOED: unknown; did you mean COORDSVC_NODE?"
    assert second.startswith("coordsvc: node = 'a b' (--node): not a name")


def test_every_option_is_in_the_help():
    output = run("serve", "--help").output
    for option in OPTIONS:
        assert option.flag in output
