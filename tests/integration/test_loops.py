"""The client on both event loops that its users run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from coordsvc_client import connect
from tests.integration.cluster import Cluster


@pytest.mark.parametrize("loop", [asyncio.SelectorEventLoop, uvloop.Loop])
def test_the_client_runs_on_it(
    shared_cluster: Cluster, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def use() -> bytes | None:
        async with connect(shared_cluster.endpoints) as client:
            await client.put("/loops/node", b"value", parents=True)
            async with client.lock("/loops/lock"):
                return (await client.get("/loops/node")).data

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(use()) == b"value"
