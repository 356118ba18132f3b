"""Making a data folder on the command line: what every such command does alike."""

import click
import pytest
from click.testing import CliRunner

from coordsvc.base.errors import CorruptData, SetupError
from coordsvc.cli.newfolder import BUMP_MAX, BUMP_MIN, bump_option, failing, folder_options
from coordsvc.replica.restoration import REVISION_BUMP


def run(*arguments, error=None, **environment):
    @click.command(
        params=[*folder_options(node="A node.", cluster="A cluster."), bump_option("folder")]
    )
    def command(**given):
        with failing():
            if error is not None:
                raise error
            click.echo(given)

    return CliRunner().invoke(command, list(map(str, arguments)), env=environment)


WHOLE = ("--data-dir", "d", "--node", "n1", "--cluster", "new")


def test_options_are_those_of_a_node_also_as_variables():
    result = run(*WHOLE[:4], COORDSVC_CLUSTER="other")
    assert "'cluster': 'other'" in result.output
    assert f"'revision_bump': {REVISION_BUMP}" in result.output


@pytest.mark.parametrize("left_out", [0, 2, 4])
def test_each_must_be_given(left_out):
    result = run(*WHOLE[:left_out], *WHOLE[left_out + 2 :])
    assert result.exit_code == 2
    assert f"Missing option '{WHOLE[left_out]}'" in result.stderr


def test_a_value_that_cannot_be_is_explained():
    result = run(*WHOLE[:2], "--node", "n 1", *WHOLE[4:])
    assert result.exit_code == 2
    assert "accepted is" in result.stderr


@pytest.mark.parametrize(("bump", "code"), [(BUMP_MIN - 1, 2), (BUMP_MIN, 0), (BUMP_MAX + 1, 2)])
def test_revisions_jump_far_but_not_out_of_sight(bump, code):
    assert run(*WHOLE, "--revision-bump", bump).exit_code == code


@pytest.mark.parametrize(("error", "code"), [(CorruptData("torn"), 1), (SetupError("torn"), 2)])
def test_damage_has_an_exit_code_of_its_own(error, code):
    result = run(*WHOLE, error=error)
    assert (result.exit_code, result.stderr) == (code, "coordsvc: torn\n")
