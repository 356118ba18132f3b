import ssl

import pytest

from coordsvc.base.errors import SetupError
from coordsvc.server.tls import NONE, OPTIONAL, REQUIRED, name_of, server_context
from tests.certificates import authority, signed


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    ca = authority(folder)
    return ca, signed(folder, ca, "server", "/CN=localhost"), authority(folder, "stranger"), folder


def context(files, **changed):
    ca, server, _, _ = files
    given = {
        "certificate": server.certificate,
        "key": server.key,
        "authorities": ca.certificate,
        "clients": REQUIRED,
    }
    return server_context(**(given | changed))


def shake(server, client):
    """Shake hands in memory; return the server's end."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = server.wrap_bio(to_server, to_client, server_side=True)
    other = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    ends = [other, one]
    for _ in range(10):
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass
    assert not ends
    return one


def client_of(files, pair=None):
    made = ssl.create_default_context(cafile=files[0].certificate)
    if pair is not None:
        made.load_cert_chain(pair.certificate, pair.key)
    return made


def test_clients_are_asked_for_what_was_set(files):
    _, _, stranger, folder = files
    own = signed(folder, files[0], "client", "/C=DE/O=Example, Inc/CN=bob")
    seen = shake(context(files), client_of(files, own)).getpeercert()
    assert name_of(seen["subject"]) == "CN=bob,O=Example\\, Inc,C=DE"
    assert shake(context(files, clients=OPTIONAL), client_of(files)).getpeercert() is None
    assert shake(context(files, clients=NONE), client_of(files, own)).getpeercert() is None
    with pytest.raises(ssl.SSLError):
        shake(context(files), client_of(files))
    forged = signed(folder, stranger, "forged", "/CN=bob")
    with pytest.raises(ssl.SSLError):
        shake(context(files, clients=OPTIONAL), client_of(files, forged))


def test_files_that_cannot_be_used_are_named(files):
    ca, _, _, folder = files
    with pytest.raises(SetupError, match=r"none.pem.*No such file"):
        context(files, certificate=folder / "none.pem")
    with pytest.raises(SetupError, match=r"ca.key: no certificate with its key"):
        context(files, key=ca.key)
    with pytest.raises(SetupError, match=r"none.pem: no certificates"):
        context(files, authorities=folder / "none.pem")


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ((), ""),
        ((("commonName", "bob"),), "CN=bob"),
        ((("domainComponent", "org"),), "DC=org"),
        ((("commonName", 'a,b+"c"\\<>;'),), 'CN=a\\,b\\+\\"c\\"\\\\\\<\\>\\;'),
        ((("commonName", "#x"),), "CN=\\#x"),
        ((("commonName", " x "),), "CN=\\ x\\ "),
        ((("emailAddress", "a@b"),), "1.2.840.113549.1.9.1=#1603614062"),
        ((("2.5.4.99", "x"),), "2.5.4.99=x"),
    ],
)
def test_a_subject_is_written_as_in_acls(subject, name):
    assert name_of([subject] if subject else []) == name


def test_the_most_specific_name_stands_first_and_parts_of_one_name_together():
    subject = [[("countryName", "DE")], [("commonName", "bob"), ("userId", "7")]]
    assert name_of(subject) == "CN=bob+UID=7,C=DE"
