import subprocess
import sys

import pytest
from click.testing import CliRunner

from coordsvc.cli import ctl, main


@pytest.mark.parametrize("group", [main.cli, ctl.cli])
def test_every_command_in_the_list_can_be_loaded(group):
    for name in group.places:
        result = CliRunner().invoke(group, [name, "--help"])
        assert result.exit_code == 0, name
        assert "Usage:" in result.output


@pytest.mark.parametrize("group", [main.cli, ctl.cli])
def test_the_help_lists_every_command(group):
    output = CliRunner().invoke(group, ["--help"]).output
    for name, (_, line) in group.places.items():
        assert name in output
        assert line in output


def test_of_an_unknown_command_the_nearest_is_named():
    result = CliRunner().invoke(ctl.cli, ["gte"])
    assert result.exit_code == 2
    assert "Did you mean get?" in result.output
    assert "Did you mean" not in CliRunner().invoke(ctl.cli, ["xyzzy"]).output


def test_an_unknown_flag_is_a_usage_error():
    assert CliRunner().invoke(ctl.cli, ["--nope"]).exit_code == 2


@pytest.mark.parametrize("command", ["get", "set", "ls", "lock", "watch"])
def test_a_quick_command_loads_nothing_slow(command):
    code = (
        "import sys\n"
        "from coordsvc.cli.ctl import cli\n"
        f"cli.main([{command!r}, '--help'], standalone_mode=False)\n"
        "slow = {'asyncio', 'aiohttp', 'structlog', 'rich', 'uvloop', 'http.client', 'ssl'}\n"
        "sys.exit(' '.join(slow & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
