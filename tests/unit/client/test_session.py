"""What every connected client can do: tell its state, ask for anything, be closed.

How requests are answered is tested with the tree (test_client.py), on the same fake server.
"""

import asyncio
import inspect

from coordsvc_client import State
from coordsvc_client.client import TreeClient
from coordsvc_client.session import SessionClient
from tests.unit.client.fakecluster import FakeCluster
from tests.unit.client.virtual_loop import virtual


def test_a_tree_client_is_a_session_client_and_adds_only_operations():
    assert issubclass(TreeClient, SessionClient)
    assert "__init__" not in vars(TreeClient)
    public = {name for name in vars(SessionClient) if not name.startswith("_")}
    assert {"state", "session", "close", "submit", "request", "ready"} <= public
    assert not public & set(vars(TreeClient)), "nothing is said twice"


def test_every_public_method_says_what_it_does():
    for name, member in inspect.getmembers(SessionClient):
        if not name.startswith("_"):
            assert inspect.getdoc(member), name


@virtual
async def test_whoever_follows_the_states_sees_the_end():
    cluster = FakeCluster()
    c = await cluster.connect()
    cluster.down.add("n1")
    cluster.drop()
    await asyncio.sleep(60)  # there is no state to come

    async def follow():
        return [state async for state in c.states()]

    following = asyncio.ensure_future(follow())
    await asyncio.sleep(1)
    await c.close()
    assert await asyncio.wait_for(following, 10) == [State.LOST]
