"""The commands of coordctl as a whole. What each does is tested with its own module."""

import click
import pytest
from click.testing import CliRunner

import coordsvc
from coordsvc.cli.ctl import Commands, cli


def run(*arguments):
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.parametrize("name", Commands.places)
def test_every_listed_command_loads_and_says_how_it_is_used(name):
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {name} ")
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
    assert command is not None
    assert command.help, "a person reads it"


@pytest.mark.parametrize("name", [name for name in Commands.places if name != "dev"])
def test_every_command_takes_the_shared_options_wherever_they_stand(name):
    assert "--endpoints" in run(name, "--help").output or "Commands:" in run(name, "--help").output


def test_each_line_of_the_help_is_a_sentence_that_fits():
    for name, (_, line) in Commands.places.items():
        assert line.endswith("."), name
        assert len(line) < 60, name


@pytest.mark.parametrize(("typed", "meant"), [("gte", "get"), ("loks", "locks"), ("elct", "elect")])
def test_of_an_unknown_command_the_nearest_is_suggested(typed, meant):
    result = run(typed)
    assert result.exit_code == 2
    assert f"No such command '{typed}'. Did you mean {meant}?" in result.output


def test_to_what_resembles_nothing_nothing_is_suggested():
    result = run("qqqq")
    assert result.exit_code == 2
    assert "Did you mean" not in result.output


def test_the_version_and_the_exit_codes_are_told():
    assert run("--version").output == f"coordctl {coordsvc.__version__}\n"
    assert "75" in run("--help").output
