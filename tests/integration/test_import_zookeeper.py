"""`coordctl import zookeeper` from a real ZooKeeper while its clients go on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest
from kazoo.client import KazooClient
from kazoo.security import make_acl, make_digest_acl

from coordsvc.protocols.zookeeper.identity import digest_of
from tests.integration.cluster import Cluster
from tests.zookeeper import reference
from tests.zookeeper.script import SUPER

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module", params=["zookeeper", "ourselves"])
def source(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    if request.param == "ourselves":
        options = ("--zookeeper-super-digest", digest_of(SUPER.encode()))
        with Cluster(folder, nodes=1, options=options) as cluster:
            yield cluster.plans[0].client_address
        return
    if reference.missing() is not None:
        pytest.skip(str(reference.missing()))
    with reference.Reference(folder) as zookeeper:
        yield f"{zookeeper.addresses[0][0]}:{zookeeper.addresses[0][1]}"


@pytest.fixture(autouse=True)
def clean(clients):
    """Empty the target: it outlives the source."""
    yield
    for path in ("/one", "/two", "/three"):
        clients[1].delete(path, recursive=True)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    options = ("--zookeeper-super-digest", digest_of(SUPER.encode()))
    with Cluster(tmp_path_factory.mktemp("target"), options=options) as cluster:
        yield ",".join(plan.client_address for plan in cluster.plans)


@pytest.fixture
def clients(source, target):
    found = [KazooClient(hosts) for hosts in (source, target)]
    for client in found:
        client.start()
        client.add_auth("digest", SUPER)
    yield found
    for client in found:
        client.stop()
        client.close()


def start(source, target, *arguments):
    script = "from coordsvc.cli.ctl import main; main()"
    command = [sys.executable, "-c", script, "import", "zookeeper", source, *arguments]
    return subprocess.Popen(
        [*command, "--endpoints", target, "-o", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, json.loads(out) if out else None, err


def content(client, path):
    """Return everything below a path but ephemerals: data and access rules."""
    data, stat = client.get(path)
    found = {path: (data, sorted(map(str, client.get_acls(path)[0])))}
    if stat.owner_session_id:
        return {}
    for name in client.get_children(path):
        found |= content(client, f"{path}/{name}")
    return found


def test_a_tree_is_taken_over_whole(source, target, clients):
    there, here = clients
    bob = make_digest_acl("bob", "secret", all=True)
    anyone = make_acl("world", "anyone", read=True)
    there.ensure_path("/one/deep")
    there.create("/one/null")
    there.create("/one/secret", b"s", acl=[bob, anyone])
    there.create("/one/net", b"n", acl=[make_acl("ip", "10.0.0.0/8", all=True)])
    there.create("/one/live", b"e", ephemeral=True)
    there.create("/one/ключ", "значение".encode())
    for _ in range(5):
        there.create("/one/deep/q-", sequence=True)
    there.delete("/one/deep/q-0000000004")
    code, report, err = finish(start(source, target, "/one", "--auth", f"digest:{SUPER}"))
    assert code == 0, err
    assert content(here, "/one") == content(there, "/one")
    assert report["created"] == 10
    assert set(report["not_carried"]) == {"ephemeral"}
    assert list(report["not_carried"]["ephemeral"]["paths"]) == ["/one/live"]
    assert here.create("/one/deep/q-", sequence=True) == "/one/deep/q-0000000005"


def test_what_may_not_be_read_is_told(source, target, clients):
    there, _ = clients
    there.ensure_path("/two")
    there.create("/two/secret", b"s", acl=[make_digest_acl("bob", "secret", all=True)])
    code, report, err = finish(start(source, target, "/two"))
    assert code == 1
    assert report["not_carried"]["unreadable"]["paths"] == {"/two/secret": "no_auth"}
    assert "not everything could be carried" in err
    code, report, _ = finish(start(source, target, "/two", "--auth", "digest:bob:secret"))
    assert (code, report["created"], report["equal"]) == (0, 1, 1)


def test_changes_are_carried_until_the_cut_over(source, target, clients):
    there, here = clients
    there.ensure_path("/three")
    for i in range(300):
        there.create(f"/three/{i}", b"0")
    process = start(source, target, "/three", "--follow")
    in_step = threading.Event()

    def listen():
        for line in process.stderr:
            if "in step" in line:
                in_step.set()

    listener = threading.Thread(target=listen)
    listener.start()
    for i in range(150):
        there.set(f"/three/{i}", b"1")
    assert in_step.wait(30)
    for i in range(100, 200):
        there.set(f"/three/{i}", b"2")
    for i in range(50):
        there.delete(f"/three/{i}")
        there.create(f"/three/{i + 1}/below" if i == 49 else f"/three/new{i}", b"n", makepath=True)
    there.set_acls("/three/60", [make_acl("world", "anyone", read=True)])
    deadline = threading.Event()
    for _ in range(100):
        if here.exists("/three/new48") and not here.exists("/three/0"):
            break
        deadline.wait(0.1)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    listener.join()
    report = json.loads(process.stdout.read())
    process.stdout.close()
    process.stderr.close()
    assert process.returncode == 0
    assert content(here, "/three") == content(there, "/three")
    assert report["complete"]
    assert report["deleted"] >= 50
