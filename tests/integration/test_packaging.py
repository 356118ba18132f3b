"""The two distributions: `coordsvc` for machines, `coordsvc-client` for applications."""

from __future__ import annotations

import email
import faulthandler
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import coordsvc
from deploy.compile import SUFFIX, compiler, missing, rooms
from tests.integration.programs import ROOT

IMPORT_ALL = """
import sys
sys.path[:0] = sys.argv[1:]
import coordsvc_client
assert coordsvc_client.__file__.startswith(sys.argv[1]), coordsvc_client.__file__
for name in coordsvc_client.__all__:
    getattr(coordsvc_client, name)
assert "coordsvc" not in sys.modules
"""


@dataclass
class Wheel:
    """What a wheel holds."""

    path: Path
    files: dict[str, bytes]
    said: str
    """By what built it."""

    def below(self, folder: str) -> dict[str, bytes]:
        return {name: data for name, data in self.files.items() if name.startswith(folder + "/")}

    def header(self, name: str) -> list[str]:
        (metadata,) = (data for at, data in self.files.items() if at.endswith("/METADATA"))
        return email.message_from_bytes(metadata).get_all(name, [])


RUN_ALL = """
import sys
sys.path[:0] = sys.argv[1:]
from coordsvc.base.compiled import is_compiled
from coordsvc.raft import core
from coordsvc.server import clients
from coordsvc_client import conversation
assert is_compiled()
for module in (core, clients, conversation):
    assert module.__file__.startswith(sys.argv[1]) and not module.__file__.endswith(".py")
from click.testing import CliRunner
from coordsvc.cli.main import cli
assert CliRunner().invoke(cli, ["version"]).output.endswith(" (compiled)\\n")
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Callable[..., Wheel]:
    def build(folder: Path, compiled: str = "0") -> Wheel:
        target = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
        env = os.environ | {"COORDSVC_COMPILE": compiled}
        done = subprocess.run(
            command, cwd=folder, check=True, capture_output=True, env=env, text=True
        )
        (path,) = target.glob("*.whl")
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return Wheel(path, files, done.stdout + done.stderr)

    return build


@pytest.fixture(scope="module")
def server(build) -> Wheel:
    return build(ROOT)


@pytest.fixture(scope="module")
def client(build) -> Wheel:
    return build(ROOT / "client")


def sources(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_both_have_the_same_client(server, client):
    assert server.below("coordsvc_client") == client.below("coordsvc_client")
    assert client.below("coordsvc_client").keys() == sources(ROOT / "client" / "coordsvc_client")


def test_the_server_is_complete(server):
    assert server.below("coordsvc").keys() == sources(ROOT / "coordsvc")
    assert {"coordsvc/py.typed", "coordsvc_client/py.typed"} <= server.files.keys()
    (points,) = (data for at, data in server.files.items() if at.endswith("/entry_points.txt"))
    assert b"coordsvc = coordsvc.cli.main:main" in points
    assert b"coordctl = coordsvc.cli.ctl:main" in points


def test_nothing_else_is_put_into_an_environment(server, client):
    def tops(wheel):
        return {name.partition("/")[0].partition("-")[0] for name in wheel.files}

    assert tops(server) == {"coordsvc", "coordsvc_client"}
    assert tops(client) == {"coordsvc_client"}


def test_an_application_gets_msgpack_and_nothing_more(client):
    assert [re.split(r"\W", each)[0] for each in client.header("Requires-Dist")] == ["msgpack"]
    # -S: no editable installs; the packages of this environment have msgpack, and no coordsvc.
    packages = sysconfig.get_path("platlib")
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(client.path), packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_wheel_runs_everywhere_unless_asked_otherwise(server, client):
    assert server.path.name.endswith("-py3-none-any.whl")
    assert client.path.name.endswith("-py3-none-any.whl")


def is_gcc() -> bool:
    command = [compiler(), "-dM", "-E", "-x", "c", "/dev/null"]
    macros = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "__GNUC__" in macros and "__clang__" not in macros


@pytest.mark.slow
@pytest.mark.timeout(800)
@pytest.mark.skipif(bool(missing()), reason="compiling needs a C compiler and Python's headers")
def test_a_compiled_wheel_has_each_room_compiled_and_all_sources(build, server, tmp_path):
    faulthandler.cancel_dump_traceback_later()  # compiling takes longer than tests otherwise may
    compiled = build(ROOT, "1")
    assert ("without knowing what is hot" in compiled.said) != is_gcc(), compiled.said
    assert not compiled.path.name.endswith("-any.whl")
    assert server.below("coordsvc").keys() < compiled.below("coordsvc").keys()
    below = {name.removeprefix("client/").removesuffix(".py") for name in rooms(ROOT)}
    made = {name.partition(".")[0] for name in compiled.files if name.endswith(SUFFIX)}
    assert made == below | {"coordsvc__mypyc"}
    with zipfile.ZipFile(compiled.path) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-I", "-S", "-c", RUN_ALL, str(tmp_path)]
    command.append(sysconfig.get_path("platlib"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_there_is_one_version(server, client):
    version = coordsvc.__version__
    assert server.header("Version") == client.header("Version") == [version]
    label = f'org.opencontainers.image.version="{version}"'
    assert label in (ROOT / "Dockerfile").read_text()
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_travels_with_both(server, client):
    for wheel in (server, client):
        assert wheel.header("License-Expression") == ["Apache-2.0"]
        assert any(name.endswith("/licenses/LICENSE") for name in wheel.files)
