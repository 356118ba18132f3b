import subprocess
import sys

from click.testing import CliRunner

import coordsvc
from coordsvc.cli.main import cli


def test_the_version_is_told_in_both_ways():
    for arguments in (["version"], ["--version"]):
        output = CliRunner().invoke(cli, arguments).output
        assert output == f"coordsvc {coordsvc.__version__}\n"


def test_without_assertions_it_does_not_run():
    done = subprocess.run(
        [sys.executable, "-O", "-m", "coordsvc", "version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "without -O" in done.stderr
    assert done.stdout == ""
