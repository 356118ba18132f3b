"""ZooKeeper's own library and its command line, unmodified, against three nodes of ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.zookeeper import reference
from tests.zookeeper.services import Ours, Theirs, hosts

HERE = Path(__file__).parent
COMMAND_LINE = Path("/usr/share/zookeeper/bin/zkCli.sh")
WAIT_S = 90
CURATOR = (
    *("curator-client.jar", "curator-framework.jar", "curator-recipes.jar"),
    *("guava.jar", "failureaccess.jar"),
)

needs_compiler = pytest.mark.skipif(shutil.which("javac") is None, reason="no javac on PATH")

SAW = """\
create true
get one version 0
set version 1
children [s-0000000000, s-0000000001, s-0000000002] of 3
ephemerals 3
descendants 3
container owner 0
after its time true
members 3
exists NODEEXISTS
missing NONODE
version BADVERSION
children NOTEMPTY
ephemeral NOCHILDRENFOREPHEMERALS
acl INVALIDACL
acl digest
acl version 1
identities 2
multi 5
failed multi BADVERSION 2
multiread 2 [] -101
event NodeCreated:/w
event NodeDataChanged:/w
event NodeChildrenChanged:/w NodeChildrenChanged:/w
event PersistentWatchremoved
no event true
ready
"""
SAW_AFTERWARDS = """\
same session true
still mine true
private p
events [NodeChildrenChanged:, NodeCreated:/deep, NodeCreated:/deep/er, NodeCreated:/later]
over
"""

CURATOR_SAW = """\
protected n-0000000000
data x
transaction 3
children [t]
mutex true false
read locks true true, write lock false
seat true false
leads true
count true
barrier false
group true
cache true
ready
"""
CURATOR_SAW_AFTERWARDS = """\
cache true
same session true
mutex true false
mutex true
seat true
one leads true
count 6
barrier true
group true
servers 3
over
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.integration,
    pytest.mark.skipif(reference.missing() is not None, reason=str(reference.missing())),
]


@pytest.fixture(scope="module", params=[Ours, Theirs], ids=["ours", "theirs"])
def service(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("service")) as service:
        yield service


def seen_by(service, folder: Path, program: str, *jars: str) -> tuple[str, str]:
    """Run a Java program that waits for a line when it is ready; kill the leader before sending it.

    Return what it said, and what went to its error output.
    """
    path = reference.class_path(*(str(reference.JARS / jar) for jar in jars))
    source = HERE / "java" / f"{program}.java"
    subprocess.run(
        ["javac", "-d", str(folder), "-cp", path, str(source)], check=True, timeout=WAIT_S
    )
    command = [
        *("java", "-Xmx200m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"),
        *("-cp", f"{path}:{folder}", program),
        *(hosts(service.addresses()), f"/java-{uuid.uuid4().hex[:12]}"),
    ]
    with (folder / "errors").open("w") as errors:
        work = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    said = ""
    with work:
        assert work.stdin is not None
        assert work.stdout is not None
        try:
            for line in work.stdout:
                said += line
                if line == "ready\n":
                    service.kill_leader()
                    work.stdin.write("\n")
                    work.stdin.flush()
        finally:
            work.kill()
            service.restore()
    return said, (folder / "errors").read_text()


@needs_compiler
def test_the_library_of_zookeeper_does_its_work_across_the_end_of_a_leader(service, tmp_path):
    said, errors = seen_by(service, tmp_path, "Work")
    assert said == SAW + SAW_AFTERWARDS, errors[-2000:]


@needs_compiler
@pytest.mark.skipif(
    not (reference.JARS / "curator-recipes.jar").exists(),
    reason="Debian's package libcurator-recipes-java is not installed",
)
def test_curator_does_its_work_across_the_end_of_a_leader(service, tmp_path):
    said, errors = seen_by(service, tmp_path, "CuratorWork", *CURATOR)
    assert said == CURATOR_SAW + CURATOR_SAW_AFTERWARDS, errors[-2000:]
    assert "ConfigException" not in errors


def without_what_varies(text: str) -> list[str]:
    """Return the lines that say something, with times, zxids and ports masked."""
    for pattern, name in (
        (r"(?<=time = ).*", "TIME"),
        (r"(?<=Zxid = 0x)[0-9a-f]+", "ZXID"),
        (r"(?<=:)\d{5}\b", "PORT"),
        (r"(?<=version=)[0-9a-f]+$", "HEX"),
    ):
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip() and line != "WATCHER::"]
    return [
        line for line in lines if not re.search(r"Exiting JVM|state:Closed|^SLF4J|^log4j", line)
    ]


@pytest.mark.skipif(not COMMAND_LINE.exists(), reason=f"no {COMMAND_LINE}")
def test_the_command_line_of_zookeeper_prints_what_it_prints_there(service):
    script = (HERE / "zkcli.txt").read_text().splitlines()
    commands = "".join(f"{line[2:]}\n" for line in script if line.startswith("> "))
    done = subprocess.run(
        [str(COMMAND_LINE), "-waitforconnection", "-server", hosts(service.addresses()[1:])],
        input=commands,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    _, _, told = done.stdout.partition("JLine support is disabled\n")
    expected = [line for line in script if not line.startswith("> ")]
    assert without_what_varies(told) == expected, done.stdout
