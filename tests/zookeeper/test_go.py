"""A Go program with the client of github.com/samuel/go-zookeeper, against three nodes of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.zookeeper.services import hosts
from tests.zookeeper.test_kazoo import SERVICES

LIBRARIES = Path("/usr/share/gocode")
"""Where Debian's package golang-github-samuel-go-zookeeper-dev puts it."""
WAIT_S = 90

SAW = """\
create true <nil>
get 1 0 <nil>
set 1 <nil>
event EventNodeDataChanged true
set zk: version conflict
protected true <nil>
lock <nil>
unlock <nil>
multi 3 <nil>
multi 2 zk: version conflict
children 1 1 <nil>
auth <nil>
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.skipif(
        shutil.which("go") is None
        or not (LIBRARIES / "src" / "github.com" / "samuel" / "go-zookeeper").exists(),
        reason="no go on PATH, or no golang-github-samuel-go-zookeeper-dev",
    ),
]


@pytest.fixture(scope="module", params=SERVICES)
def service(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("go")
    settings = {"GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOCACHE": str(folder / "cache")}
    source = Path(__file__).parent / "go" / "work.go"
    command = ["go", "build", "-o", str(folder / "work"), str(source)]
    subprocess.run(command, env=os.environ | settings, check=True, timeout=WAIT_S)
    return folder / "work"


def test_a_go_client_does_its_work(service, program):
    path = f"/go-{uuid.uuid4().hex[:12]}"
    done = subprocess.run(
        [str(program), hosts(service.addresses()), path],
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.stdout == SAW, done.stderr
