"""The facts about a real node, asked as operators ask."""

import asyncio

import pytest
from kazoo.client import KazooClient

from coordsvc.protocols.zookeeper.operators import words
from coordsvc.server.overview import Overview

ALL = frozenset(words.WORDS)


@pytest.fixture
def flags(request):
    return getattr(request, "param", {})


@pytest.fixture
def overview(node):
    made = Overview(node.server)
    made.attach()
    return made


@pytest.fixture
async def client(node, overview):
    await node.server.clients.listen("127.0.0.1", 0)
    port = node.server.clients._servers[0].sockets[0].getsockname()[1]
    made = KazooClient(f"127.0.0.1:{port}")
    await asyncio.to_thread(made.start, 10)
    yield made
    await asyncio.to_thread(made.stop)
    await asyncio.to_thread(made.close)
    await node.server.clients.close()


async def ask(node, word):
    port = node.server.clients._servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(word)
    text = await reader.read()
    writer.close()
    await writer.wait_closed()
    return text.decode()


async def test_words_are_answered_on_the_client_port(node, client, overview):
    await asyncio.to_thread(client.create, "/e", b"12", ephemeral=True)
    await asyncio.to_thread(client.get_children, "/", watch=print)
    text = await ask(node, b"srvr")
    assert text.startswith("Zookeeper version: 3.9")
    assert "Mode: standalone\nNode count: 5\n" in text
    assert await ask(node, b"ruok") == "ruok is not executed because it is not in the whitelist.\n"


@pytest.mark.parametrize("flags", [{"zookeeper-words": "*"}], indirect=True)
async def test_all_words_may_be_allowed(node, client, overview):
    assert await ask(node, b"ruok") == "imok"
    assert await asyncio.to_thread(client.server_version) == (3, 9, 3)
    assert await asyncio.to_thread(client.command, b"isro") == "rw"


async def test_what_clients_do_is_counted(node, client, overview):
    await asyncio.to_thread(client.create, "/e", b"12", ephemeral=True)
    await asyncio.to_thread(client.exists, "/none", watch=print)
    await asyncio.to_thread(client.get_children, "/", watch=print)
    (connection,) = overview.connections()
    assert connection.session == client.client_id[0]
    assert connection.received >= 3
    assert connection.sent >= 4
    assert words.short_name_of(connection.last_op) == "GETC"
    assert connection.timeout_ms == 10_000
    assert not connection.secure
    assert overview.watches() == {connection.session: ["/none", "/"]}
    (session,) = [each for each in overview.sessions() if each.id == connection.session]
    assert session.ephemerals == ("/e",)
    numbers = overview.monitor()
    assert numbers["server_state"] == "standalone"
    assert numbers["ephemerals_count"] == 1
    assert numbers["watch_count"] == 2
    assert numbers["packets_received"] >= 3
    assert numbers["approximate_data_size"] > 2
    assert numbers["open_file_descriptor_count"] > 3
    overview.reset_server()
    overview.reset_connections()
    assert overview.server().received == overview.connections()[0].received == 0


async def test_every_word_can_be_said_of_a_real_node(node, client, overview):
    for word in words.WORDS:
        text = words.answer(word, overview, ALL)
        assert text, word
    assert words.answer("conf", overview, ALL).startswith("clientPort=")
    assert "admin-token" not in overview.initial_configuration()


async def test_a_server_alone_is_no_ensemble(overview):
    assert overview.members() == []
    assert overview.leader() is None
    assert overview.own() is None
    assert overview.config_text() == ""


async def test_without_a_leader_it_does_not_serve(node, overview):
    assert overview.is_serving
    node.server.replica.health.differs = True
    assert words.answer("srvr", overview, ALL) == words.NOT_SERVING
