import pytest
from click.testing import CliRunner

from coordsvc.base.errors import SetupError
from coordsvc.cli import serve as module
from coordsvc.cli.main import cli


@pytest.fixture
def run(monkeypatch):
    seen = []

    def fake(settings, warnings):
        seen.append(settings)
        if settings.node == "stuck":
            raise SetupError("the folder is in use")
        return 70 if settings.node == "sick" else 0

    monkeypatch.setattr(module, "run", fake)
    return lambda *arguments: (CliRunner().invoke(cli, ["serve", *arguments]), seen)


def test_a_node_runs_with_its_settings(run):
    result, seen = run("--node", "n7")
    assert result.exit_code == 0
    assert seen[0].node == "n7"


def test_its_exit_code_is_that_of_the_process(run):
    assert run("--node", "sick")[0].exit_code == 70


def test_what_the_operator_has_to_mend_is_told_with_exit_code_2(run):
    result, _ = run("--node", "stuck")
    assert result.exit_code == 2
    assert result.stderr == "coordsvc: the folder is in use\n"
