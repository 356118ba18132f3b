"""Disasters of real processes: a cluster restored elsewhere, a majority lost for ever, damage."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from coordsvc.cli.force import PHRASE
from coordsvc.cli.localcluster import STOPPED, LocalNode, NodePlan
from coordsvc_client import connect
from tests.integration.cluster import Cluster, member_text

pytestmark = [pytest.mark.integration, pytest.mark.slow]
WAIT_S = 20.0
SHORT = ("--session-timeout-min-ms", "1000")


def coordsvc(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "coordsvc", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def coordctl(cluster, *arguments, code=0):
    plans = cluster.plans
    places = [
        *("--endpoints", ",".join(plan.client_address for plan in plans)),
        *("--http-endpoints", ",".join(plan.http_address for plan in plans)),
    ]
    done = subprocess.run(
        [sys.executable, "-c", "from coordsvc.cli.ctl import main; main()", *map(str, arguments),
         *places],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


async def test_watchers_of_a_restored_cluster_read_anew_and_nothing_goes_back(tmp_path):
    """One client lives through it all: it watches before, and goes on with the new cluster."""
    old = Cluster(tmp_path / "old", options=SHORT)
    new = Cluster(tmp_path / "new", options=SHORT, name="second")
    backup = tmp_path / "backup"
    addresses = [plan.client_address for plan in (*old.plans, *new.plans)]
    with old:
        client = await connect(addresses, timeout=2.0)
        await client.create("/cfg/a", b"1", parents=True)
        async with client.lock("/lock") as lock:
            token = lock.token
        told = client.watch("/cfg", recursive=True)
        await client.set("/cfg/a", b"2")
        first = await asyncio.wait_for(anext(told), WAIT_S)
        await asyncio.to_thread(coordctl, old, "snapshot", "save", backup)
        assert "good" in coordctl(old, "snapshot", "verify", backup)
        seen = json.loads(coordctl(old, "snapshot", "inspect", backup, "-o", "json"))
        assert (seen["cluster"], seen["voters"]) == ("test", ["n1", "n2", "n3"])
        await client.set("/cfg/a", b"after the backup: lost")
        second = await asyncio.wait_for(anext(told), WAIT_S)
    members = ",".join(map(member_text, new.plans))
    for plan in new.plans:
        where = ("--data-dir", plan.folder, "--node", plan.name)
        coordsvc("restore", backup, *where, "--cluster", "second", "--members", members)
    with new:
        resync = await asyncio.wait_for(anext(told), WAIT_S)
        assert resync.kind == "resync"
        assert resync.revision > second.revision > first.revision
        node = await client.get("/cfg/a")
        assert node.data == b"2", "the state of the backup"
        stat = await client.set("/cfg/a", b"3")
        assert stat.mzxid > second.revision + 10**11
        event = await asyncio.wait_for(anext(told), WAIT_S)
        while event.kind == "resync":
            event = await asyncio.wait_for(anext(told), WAIT_S)
        assert (event.kind, event.path, event.revision) == ("changed", "/cfg/a", stat.mzxid)
        async with client.lock("/lock") as lock:
            assert lock.token > token + 10**11, "tokens grow across the restore"
        await client.close()


async def test_a_lost_majority_is_replaced_by_what_one_node_has(tmp_path):
    old = Cluster(tmp_path / "old", options=SHORT)
    with old:
        async with await connect([p.client_address for p in old.plans]) as client:
            for number in range(20):
                await client.create(f"/data/{number}", b"%d" % number, parents=True)
            async with client.lock("/lock") as lock:
                token = lock.token
            last = (await client.set("/data/0", b"last")).mzxid
        for name in old.nodes:
            await asyncio.to_thread(old.terminate, name)
    shutil.rmtree(old.nodes["n2"].plan.folder)
    survivor = old.nodes["n1"].plan.folder
    assert "voted for" in coordsvc("inspect", survivor)
    new = Cluster(tmp_path / "new", nodes=1, options=SHORT, name="saved")
    place = new.plans[0].folder
    words = ("force-new-cluster", survivor, "--data-dir", place, "--node", "n1")
    assert "LOST for ever" in coordsvc(*words, "--cluster", "saved", code=2)
    assert not place.exists()
    coordsvc(*words, "--cluster", "test", "--confirm", PHRASE, code=2)
    assert "at revision" in coordsvc(*words, "--cluster", "saved", "--confirm", PHRASE)
    with new:
        async with await connect([new.plans[0].client_address]) as client:
            assert (await client.get("/data/0")).data == b"last"
            assert (await client.get("/data/19")).data == b"19"
            stat = await client.set("/data/0", b"goes on")
            assert stat.mzxid > last + 10**11
            async with client.lock("/lock") as lock:
                assert lock.token > token + 10**11
        at = await asyncio.to_thread(new.join, "n2")
        await asyncio.to_thread(coordctl, new, "members", "add", at)
        await until_it_has("n2", new, b"goes on")
        await asyncio.to_thread(refuse_the_old, old, new.plans[0])
    old.stop()


async def until_it_has(name, cluster, data):
    """Wait until a node that joined has everything."""
    plan = cluster.nodes[name].plan
    until = time.monotonic() + WAIT_S
    while True:
        async with await connect([plan.client_address], session=False) as client:
            if (await client.get("/data/0")).data == data:
                return
        assert time.monotonic() < until
        await asyncio.sleep(0.1)


def refuse_the_old(old, plan: NodePlan):
    """Start a lost node that has come back, pointed at the new cluster: it is turned away."""
    lost = old.nodes["n3"]
    arguments = list(lost._arguments)
    mine = member_text(lost.plan)
    arguments[arguments.index("--members") + 1] = f"{member_text(plan)},{mine}"
    node = LocalNode(lost.plan, arguments)
    node.start()
    until = time.monotonic() + WAIT_S
    try:
        while (
            "a replica of cluster" not in lost.plan.log_path.read_text() + plan.log_path.read_text()
        ):
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        node.send(signal.SIGTERM)
        node.wait(time.monotonic() + 5)
        node.state = STOPPED
    arguments[arguments.index("--cluster") + 1] = "saved"
    assert "belongs to cluster 'test'" in coordsvc("serve", *arguments, code=2)


def test_a_damaged_node_says_where_and_is_inspected_and_rebuilt(tmp_path):
    with Cluster(tmp_path / "nodes") as cluster:
        for number in range(3):
            coordctl(cluster, "create", "--parents", f"/d/{number}", "x" * 50)
        victim = next(name for name in cluster.nodes if name != cluster.leader())
        cluster.kill(victim)
        plan = cluster.nodes[victim].plan
        log = min((plan.folder / "log").glob("*.log"))
        data = bytearray(log.read_bytes())
        data[160] ^= 0xFF
        log.write_bytes(data)
        told = json.loads(coordsvc("inspect", plan.folder, "-o", "json", code=1))
        assert told["damage"][0]["file"] == str(log)
        assert told["repair"] == "cut"
        assert "members replace" in coordsvc("repair", plan.folder, code=1)
        cluster.restart(victim)
        process = cluster.nodes[victim]._process
        assert process.wait(10) == 70
        cluster.nodes[victim].state = STOPPED
        assert f"byte {told['damage'][0]['offset']}" in plan.log_path.read_text()
        assert "CUT" in coordsvc("repair", plan.folder, "--accept-data-loss")
        cluster.restart(victim)
        cluster.leader()
        until = time.monotonic() + WAIT_S
        while cluster.http(victim, "/v1/tree/d/2") is None:
            assert time.monotonic() < until
            time.sleep(0.1)
