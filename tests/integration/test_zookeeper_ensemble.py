"""The ensemble as ZooKeeper clients and operators see and change it."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    NoAuthError,
    NotReadOnlyCallError,
)

from coordsvc.protocols.zookeeper.identity import digest_of
from tests.integration.cluster import HOST, Cluster, member_text

pytestmark = pytest.mark.integration

SUPER = "super:secret"
OPTIONS = (
    *("--zookeeper-super-digest", digest_of(SUPER.encode()), "--zookeeper-words", "*"),
    *("--election-ms", "400"),
)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("ensemble"), options=OPTIONS) as made:
        yield made


@pytest.fixture
def root(ensemble):
    hosts = ",".join(plan.client_address for plan in ensemble.plans[:3])
    client = KazooClient(hosts, timeout=10, auth_data=[("digest", SUPER)])
    client.start(timeout=10)
    yield client
    client.stop()
    client.close()


def lines_of(client):
    return client.get("/zookeeper/config")[0].decode().split("\n")


def said(plan, word):
    with socket.create_connection((HOST, plan.client_port), 5) as connection:
        connection.sendall(word)
        text = b""
        while data := connection.recv(65536):
            text += data
    return text.decode()


def until(holds, what):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def version_of(client):
    return int(lines_of(client)[-1].removeprefix("version="), 16)


def leave(client, number):
    """Have a server leave, as from the version in force; a promotion may change that meanwhile."""
    for _ in range(20):
        version = version_of(client)
        with contextlib.suppress(BadVersionError):
            return client.reconfig(
                joining=None, leaving=str(number), new_members=None, from_config=version
            )
        time.sleep(0.2)
    raise AssertionError("the version changes all the time")


def test_the_configuration_names_all_servers_and_where_clients_reach_them(ensemble, root):
    *servers, version = lines_of(root)
    assert servers == [
        f"server.{i}={HOST}:{p.peer_port}:{p.peer_port + 1000}:participant;{HOST}:{p.client_port}"
        for i, p in enumerate(ensemble.plans[:3], 1)
    ]
    assert int(version.removeprefix("version="), 16) > 0
    assert root.get("/zookeeper/config")[1].version == -1


def test_words_and_commands_agree_on_who_leads(ensemble):
    leader = ensemble.leader()
    modes = {}
    for plan in ensemble.plans[:3]:
        modes[plan.name] = said(plan, b"srvr").partition("Mode: ")[2].partition("\n")[0]
        told = ensemble.http(plan.name, "/commands/leader")
        assert told["leader_id"] == int(leader[1:])
        assert told["is_leader"] == (plan.name == leader)
    assert modes.pop(leader) == "leader"
    assert set(modes.values()) == {"follower"}
    numbers = ensemble.http(leader, "/commands/monitor")
    assert numbers["synced_followers"] == numbers["followers"] == 2


def test_a_server_joins_and_leaves_by_reconfig_and_watchers_hear_of_it(ensemble, root):
    with pytest.raises(NoAuthError):
        stranger = KazooClient(ensemble.plans[0].client_address)
        stranger.start(timeout=10)
        try:
            stranger.reconfig(joining=None, leaving="3", new_members=None)
        finally:
            stranger.stop()
            stranger.close()
    name = ensemble.join("n4")
    plan = next(plan for plan in ensemble.plans if plan.name == "n4")
    assert member_text(plan) == name
    events = []
    root.get("/zookeeper/config", watch=events.append)
    place = f"{HOST}:{plan.peer_port}:{plan.peer_port + 1000}"
    data, stat = root.reconfig(
        joining=f"server.4={place}:participant;{HOST}:{plan.client_port}",
        leaving=None,
        new_members=None,
    )
    assert f"server.4={place}" in data.decode()
    assert stat.version == -1
    until(lambda: f"server.4={place}:participant" in "\n".join(lines_of(root)), "no promotion")
    until(lambda: events, "no event")
    assert events[0].path == "/zookeeper/config"
    with pytest.raises(BadVersionError):
        root.reconfig(joining=None, leaving="4", new_members=None, from_config=1)
    with pytest.raises(BadArgumentsError):
        root.reconfig(joining="server.9=nonsense", leaving=None, new_members=None)
    data, _ = leave(root, 4)
    assert "server.4" not in data.decode()
    assert len(lines_of(root)) == 4


def test_without_a_quorum_a_node_serves_reads_to_those_who_ask_for_them(tmp_path):
    options = (*OPTIONS, "--zookeeper-read-only")
    with Cluster(tmp_path, options=options) as cluster:
        writer = KazooClient(cluster.plans[0].client_address)
        writer.start(timeout=10)
        writer.create("/a", b"1")
        for plan in cluster.plans[1:]:
            until(lambda plan=plan: cluster.http(plan.name, "/v1/tree/a?data"), "it is not there")
        writer.stop()
        writer.close()
        cluster.kill("n2")
        cluster.kill("n3")
        alone = cluster.plans[0]
        until(lambda: said(alone, b"isro") == "ro", "it still knows a leader")
        assert "Mode: read-only\n" in said(alone, b"srvr")
        reader = KazooClient(alone.client_address, read_only=True)
        reader.start(timeout=10)
        assert reader.get("/a")[0] == b"1"
        assert reader.client_state == "CONNECTED_RO"
        with pytest.raises(NotReadOnlyCallError):
            reader.set("/a", b"2")
        cluster.restart("n2")
        until(lambda: reader.client_state == "CONNECTED", "it does not come back")
        reader.retry(reader.set, "/a", b"2")
        reader.stop()
        reader.close()
