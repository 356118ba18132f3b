"""kazoo shows who it is: by TLS, SASL, digests; and meets quotas and words on the way."""

from __future__ import annotations

import socket
import ssl

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, KazooException, NoAuthError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState
from kazoo.security import make_acl

from coordsvc.protocols.zookeeper.identity import digest_of
from tests.certificates import authority, signed
from tests.integration.cluster import HOST, Cluster
from tests.ports import free_ports

pytestmark = pytest.mark.integration

SUPER = "super:secret"
JAAS = """
Server {
    org.apache.zookeeper.server.auth.DigestLoginModule required
    user_bob="bobsecret"
    user_admin="adminsecret";
};
"""


class Place:
    """A node with everything switched on, and what its clients need."""

    def __init__(self, folder):
        self.ca = authority(folder)
        server = signed(folder, self.ca, "server", "/CN=localhost")
        self.bob = signed(folder, self.ca, "bob", "/O=Example/CN=bob")
        users = folder / "jaas.conf"
        users.write_text(JAAS)
        self.tls_port = free_ports(1)[0]
        self.cluster = Cluster(
            folder / "cluster",
            nodes=1,
            options=(
                *("--zookeeper-super-digest", digest_of(SUPER.encode())),
                *("--super-users", "admin", "--sasl-users-file", str(users)),
                *("--tls-client-address", f"{HOST}:{self.tls_port}"),
                *("--tls-certificate-file", str(server.certificate)),
                *("--tls-key-file", str(server.key)),
                *("--tls-client-ca-file", str(self.ca.certificate)),
                *("--tls-client-certificates", "optional", "--zookeeper-words", "*"),
            ),
        )

    @property
    def hosts(self):
        return self.cluster.plans[0].client_address


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    made = Place(tmp_path_factory.mktemp("access"))
    with made.cluster:
        yield made


@pytest.fixture
def connect(place):
    clients = []

    def connected(hosts=None, **options):
        client = KazooClient(hosts or place.hosts, timeout=10, **options)
        clients.append(client)
        client.start(timeout=10)
        return client

    yield connected
    for client in clients:
        client.stop()
        client.close()


def secure(place, pair=None):
    options = {"use_ssl": True, "ca": str(place.ca.certificate)}
    if pair is not None:
        options |= {"certfile": str(pair.certificate), "keyfile": str(pair.key)}
    return {"hosts": f"{HOST}:{place.tls_port}", **options}


def sasl(user, password):
    return {
        "sasl_options": {
            "mechanism": "DIGEST-MD5", "service": "zookeeper", "username": user,
            "password": password,
        }
    }  # fmt: skip


def test_a_certificate_opens_what_is_for_its_subject(place, connect):
    owner = connect(**secure(place, place.bob))
    acl = make_acl("x509", "CN=bob,O=Example", all=True)
    owner.create("/of-bob", b"1", acl=[acl])
    assert owner.get("/of-bob")[0] == b"1"
    stranger = connect(**secure(place))
    stranger.create("/of-anybody", b"over TLS")
    with pytest.raises(NoAuthError):
        stranger.get("/of-bob")
    assert connect().get("/of-anybody")[0] == b"over TLS"


def test_a_user_of_sasl_opens_what_is_his(place, connect):
    bob = connect(**sasl("bob", "bobsecret"))
    bob.create("/of-user-bob", b"1", acl=[make_acl("sasl", "bob", all=True)])
    assert bob.get("/of-user-bob")[0] == b"1"
    with pytest.raises(NoAuthError):
        connect().get("/of-user-bob")
    assert connect(**sasl("admin", "adminsecret")).get("/of-user-bob")[0] == b"1"


def test_a_wrong_password_gets_no_session(place, connect):
    states = []
    client = KazooClient(place.hosts, timeout=5, **sasl("bob", "wrong"))
    client.add_listener(states.append)
    with pytest.raises((AuthFailedError, KazooTimeoutError, KazooException)):
        client.start(timeout=3)
        client.get("/")
    assert KazooState.CONNECTED not in states or states[-1] != KazooState.CONNECTED
    client.stop()
    client.close()


def test_a_super_user_opens_everything(place, connect):
    client = connect()
    client.create("/closed", b"1", acl=[make_acl("digest", "x:y", all=True)])
    with pytest.raises(NoAuthError):
        client.get("/closed")
    root = connect(auth_data=[("digest", SUPER)])
    assert root.get("/closed")[0] == b"1"
    root.delete("/closed")


def test_a_hard_quota_is_kept(place, connect):
    client = connect()
    client.create("/quota/full", b"", makepath=True)
    base = "/zookeeper/quota/quota"
    client.create(f"{base}/zookeeper_limits", b"countHardLimit=2", makepath=True)
    client.create(f"{base}/zookeeper_stats", b"")
    assert client.get(f"{base}/zookeeper_stats")[0] == b"count=2,bytes=0"
    with pytest.raises(KazooException) as caught:
        client.create("/quota/more", b"")
    assert "-125" in repr(caught.value) or caught.value.code == -125


def said(connection, word):
    with connection:
        connection.sendall(word)
        text = b""
        while data := connection.recv(65536):
            text += data
    return text.decode()


def test_words_are_answered_over_tls_and_in_the_clear(place, connect):
    connect(**secure(place))
    context = ssl.create_default_context(cafile=str(place.ca.certificate))
    raw = socket.create_connection((HOST, place.tls_port), 5)
    assert said(context.wrap_socket(raw, server_hostname="localhost"), b"ruok") == "imok"
    assert connect().server_version() == (3, 9, 3)
    raw = socket.create_connection((HOST, place.cluster.plans[0].client_port), 5)
    numbers = dict(line.split("\t") for line in said(raw, b"mntr").splitlines())
    assert numbers["zk_server_state"] == "standalone"
    assert int(numbers["zk_num_alive_connections"]) >= 2
    stats = place.cluster.http("n1", "/commands/connections")
    assert len(stats["secure_connections"]) == 1
    assert len(stats["connections"]) == 1
