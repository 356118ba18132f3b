"""A process that stands still for longer than every timeout, and then goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time

import pytest

from coordsvc.base.vocabulary import ops
from coordsvc_client import StaleToken, connect
from coordsvc_client.blocking import BlockingError, Connection
from tests.chaos.load import Load, status

pytestmark = pytest.mark.integration

PAUSE_S = 5.0
"""Longer than elections."""
HOLDER = """
import asyncio, sys, time
from coordsvc_client import LockLost, SessionExpired, StaleToken, connect

async def main():
    async with connect(sys.argv[1], session_timeout=1.5) as client:
        try:
            async with client.lock("/pause/lock") as held:
                print("held", held.token, flush=True)
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    print("cancelled", flush=True)
                    raise
        except LockLost:
            print("lost", flush=True)
        for _ in range(2):  # what is asked before the end of the session is known ends with it
            try:
                await client.put("/pause/guarded", "late", guard=held)
            except (SessionExpired, StaleToken) as error:
                print(type(error).__name__, flush=True)

asyncio.run(main())
"""


def stale_reads_of(address, written, revision, seconds):
    """Ask one node for linearizable reads; return the answers that are older than `written`."""
    stale = []
    until = time.monotonic() + seconds
    with Connection([address], with_session=False) as connection:
        while time.monotonic() < until:
            try:
                answer = connection.call(ops.GET, "/pause/value", timeout_s=0.5)
            except BlockingError:
                continue
            if answer.value[0] != written or answer.revision < revision:
                stale.append(answer)
    return stale


async def test_a_leader_that_stood_still_serves_no_past_and_leads_no_more(cluster):
    addresses = {plan.name: plan.client_address for plan in cluster.plans}
    async with Load(addresses, session_timeout_s=6) as load:
        await load.run(0.5)
        old = await cluster.wait_leader()
        async with connect(list(addresses.values()), session_timeout=6) as client:
            await client.create("/pause")
            await client.put("/pause/value", b"before")
            term = status(addresses[old])["term"]
            cluster.pause(old)
            paused_at = asyncio.get_running_loop().time()
            await client.put("/pause/value", b"after", timeout=20)
            waited = asyncio.get_running_loop().time() - paused_at
            assert waited < PAUSE_S - 1, "the client found its way around the silent leader"
            written = client.revision
            await load.run(max(0.1, PAUSE_S - (asyncio.get_running_loop().time() - paused_at)))
            reading = asyncio.create_task(
                asyncio.to_thread(stale_reads_of, addresses[old], b"after", written, 1.5)
            )
            await asyncio.sleep(0.2)
            cluster.resume(old)
            stale = await reading
            assert stale == []
        leader = await cluster.wait_leader()
        views = [status(address) for address in addresses.values()]
        assert [view["node"] for view in views if view["role"] == "leader"] == [leader]
        assert status(addresses[old])["term"] > term
        report = await load.finish()
    print(*report, sep="\n")


async def test_a_holder_that_stood_still_is_cancelled_and_its_token_refused(shared_cluster):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, shared_cluster.endpoints], stdout=subprocess.PIPE, text=True
    )
    try:
        async with connect(shared_cluster.endpoints) as client:
            token = int((await asyncio.to_thread(holder.stdout.readline)).split()[1])
            holder.send_signal(signal.SIGSTOP)
            async with client.lock("/pause/lock", wait=10) as held:
                assert held.token > token
                await client.put("/pause/guarded", "new", guard=held)
                holder.send_signal(signal.SIGCONT)
                said, _ = await asyncio.to_thread(holder.communicate, timeout=15)
                *before, first, second = said.split()
                assert before == ["cancelled", "lost"]
                # The first may already be asked in the next session.
                assert first in {"SessionExpired", "StaleToken"}
                assert second == "StaleToken"
                assert (await client.get("/pause/guarded")).text == "new"
            with pytest.raises(StaleToken):
                await client.put("/pause/guarded", "late", guard=held)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
