"""kazoo, unmodified, against three nodes of ours: its client, every recipe, the end of a leader."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import uuid

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadArgumentsError,
    BadVersionError,
    InvalidACLError,
    NoAuthError,
    NoChildrenForEphemeralsError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
)
from kazoo.protocol.states import EventType
from kazoo.security import make_acl, make_digest_acl

from tests.zookeeper import reference
from tests.zookeeper.kazoo_recipes import RECIPES, soon
from tests.zookeeper.services import Ours, Service, Theirs, hosts

pytestmark = pytest.mark.integration

SERVICES = [
    pytest.param(Ours, id="ours"),
    pytest.param(
        Theirs,
        id="theirs",
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(reference.missing() is not None, reason=str(reference.missing())),
        ],
    ),
]


@pytest.fixture(scope="module", params=SERVICES)
def service(request, tmp_path_factory):
    with request.param(tmp_path_factory.mktemp("service")) as service:
        yield service


@contextlib.contextmanager
def clients(service: Service, count: int = 2, **options):
    """Clients that begin at different servers: the first at the leader."""
    addresses = service.addresses()
    made = []
    try:
        for number in range(count):
            at = number % len(addresses)
            client = KazooClient(
                hosts(addresses[at:] + addresses[:at]),
                randomize_hosts=False,
                connection_retry={"max_tries": -1, "delay": 0.05, "max_delay": 0.5},
                command_retry={"max_tries": -1, "delay": 0.05, "max_delay": 0.5},
                **options,
            )
            client.start(timeout=20)
            made.append(client)
        yield made
    finally:
        for client in made:
            client.stop()
            client.close()


@pytest.fixture
def path():
    return f"/kazoo-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def pair(service):
    with clients(service) as made:
        yield made


def test_create_read_change_delete(pair, path):
    one, two = pair
    assert one.create(path, b"value") == path
    value, stat = one.get(path)
    assert (value, stat.version, stat.data_length) == (b"value", 0, 5)
    assert one.set(path, b"more", version=0).version == 1
    made, stat = one.create(f"{path}/child", b"x", include_data=True)
    assert (made, stat.version) == (f"{path}/child", 0)
    two.sync(path)
    assert two.get_children(path) == ["child"]
    assert two.get_children(path, include_data=True)[1].children_count == 1
    assert two.create(f"{path}/s-", sequence=True) == f"{path}/s-0000000001"
    assert two.ensure_path(f"{path}/a/b/c")
    two.delete(path, recursive=True)
    assert two.exists(path) is None


def test_errors_are_those_of_zookeeper(pair, path):
    one, _ = pair
    one.create(path)
    one.create(f"{path}/e", ephemeral=True)
    for error, call in (
        (NodeExistsError, lambda: one.create(path)),
        (NoNodeError, lambda: one.create(f"{path}/missing/x")),
        (NoNodeError, lambda: one.get(f"{path}/missing")),
        (BadVersionError, lambda: one.set(path, b"", version=7)),
        (NotEmptyError, lambda: one.delete(path)),
        (NoChildrenForEphemeralsError, lambda: one.create(f"{path}/e/x")),
        (InvalidACLError, lambda: one.create(f"{path}/x", acl=[make_acl("nonsense", "x")])),
        (BadArgumentsError, lambda: one.create(f"{path}/\u0001")),
    ):
        with pytest.raises(error):
            call()


def test_watches_of_another_client_s_changes(pair, path):
    one, two = pair
    seen = []
    assert one.exists(path, watch=seen.append) is None
    two.create(path)
    soon(lambda: seen)
    assert (seen[0].type, seen[0].path) == (EventType.CREATED, path)
    one.get(path, watch=seen.append)
    one.get_children(path, watch=seen.append)
    two.create(f"{path}/c")
    two.delete(f"{path}/c")
    two.delete(path)
    soon(lambda: len(seen) == 3)
    assert [event.type for event in seen[1:]] == [EventType.CHILD, EventType.DELETED]


def test_access_by_user_and_password(service, path):
    acl = [make_digest_acl("user", "secret", all=True)]
    with clients(service, 1, auth_data=[("digest", "user:secret")]) as (owner,):
        owner.create(path, b"private", acl=acl)
        with clients(service, 1) as (stranger,):
            stranger.sync(path)
            with pytest.raises(NoAuthError):
                stranger.get(path)
            stranger.add_auth("digest", "user:secret")
            assert stranger.get(path)[0] == b"private"
        assert owner.get_acls(path)[0] == acl
        owner.set_acls(path, [make_acl("world", "anyone", read=True)])


def test_a_chroot(service, path):
    with clients(service, 1) as (outside,):
        outside.create(path)
    with contextlib.ExitStack() as stack:
        inside = KazooClient(hosts(service.addresses()) + path)
        stack.callback(inside.close)
        inside.start(timeout=20)
        stack.callback(inside.stop)
        seen = []
        inside.exists("/n", watch=seen.append)
        assert inside.create("/n") == "/n"
        soon(lambda: seen)
        assert seen[0].path == "/n"


DIES_WITH_A_SESSION = """
import os, sys
from kazoo.client import KazooClient
client = KazooClient(sys.argv[1])
client.start(timeout=20)
client.create(sys.argv[2], ephemeral=True)
print(client.client_id[0], client.client_id[1].hex(), flush=True)
os._exit(0)
"""


def test_a_session_is_resumed_by_its_id_and_password(service, path):
    addresses = service.addresses()
    program = [sys.executable, "-c", DIES_WITH_A_SESSION, hosts(addresses[:1]), path]
    told = subprocess.run(program, capture_output=True, text=True, check=True, timeout=60).stdout
    session, password = told.split()
    identity = int(session), bytes.fromhex(password)
    with contextlib.ExitStack() as stack:
        heir = KazooClient(hosts(addresses[1:]), client_id=identity)
        stack.callback(heir.close)
        stack.callback(heir.stop)
        heir.start(timeout=20)
        assert heir.client_id == identity
        heir.sync(path)
        assert heir.get(path)[1].owner_session_id == identity[0]


def test_the_ephemeral_nodes_of_a_client_that_stops_go(service, pair, path):
    one, _ = pair
    with clients(service, 1) as (leaving,):
        leaving.create(path, ephemeral=True)
        gone = []
        one.sync(path)
        assert one.exists(path, watch=gone.append)
    soon(lambda: gone)
    assert gone[0].type == EventType.DELETED


def test_many_requests_at_once_from_one_client(pair, path):
    one, two = pair
    one.create(path)
    pending = [one.create_async(f"{path}/n-", sequence=True) for _ in range(500)]
    made = [each.get(timeout=20) for each in pending]
    assert made == [f"{path}/n-{number:010}" for number in range(500)]
    two.sync(path)
    assert len(two.get_children(path)) == 500


def test_what_the_server_says_of_itself(pair):
    one, _ = pair
    assert one.server_version() >= (3, 8)
    assert one.command(b"ruok") == "imok"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__)
def test_a_recipe(pair, path, recipe):
    for _ in recipe(*pair, path):
        pass


@pytest.mark.slow
def test_every_recipe_goes_on_when_the_leader_dies(service, path):
    """All of them at once: what each holds is held by the same session afterwards."""
    try:
        with clients(service) as (one, two):
            sessions = one.client_id, two.client_id
            at_work = {each.__name__: each(one, two, f"{path}-{each.__name__}") for each in RECIPES}
            for halves in at_work.values():
                next(halves)
            service.kill_leader()
            for client in (one, two):
                client.retry(client.sync, "/")
            failed = {}
            for name, halves in at_work.items():
                try:
                    assert next(halves, "over") == "over"
                except Exception as error:  # any of them, to name them all
                    failed[name] = error
            assert failed == {}
            assert (one.client_id, two.client_id) == sessions
    finally:
        service.restore()
