"""The bytes of a mutation go into the log unchanged, so these numbers are also a disk format."""

from itertools import chain

from coordsvc_client.wire import ops
from coordsvc_client.wire.framing import pack

OPERATIONS = {
    "CREATE": 1,
    "PUT": 2,
    "SET": 3,
    "DELETE": 4,
    "TXN": 5,
    "ACQUIRE": 6,
    "RELEASE": 7,
    "BREAK": 8,
    "CLOSE": 9,
    "CHECK_VERSION": 16,
    "CHECK_EXISTS": 17,
    "CHECK_TOKEN": 18,
    "CHECK_DATA": 19,
    "CHECK_MZXID": 20,
    "GET": 32,
    "STAT": 33,
    "CHILDREN": 34,
    "WATCH": 35,
    "UNWATCH": 36,
    "PING": 37,
    "LOCK_GET": 38,
    "LOCK_LIST": 39,
    "LOCK_STATE": 40,
    "TOKEN_GET": 41,
    "SESSIONS": 42,
    "STATUS": 43,
    "OPEN_SESSION": 64,
    "EXPIRE_SESSION": 65,
    "TICK": 66,
    "END_SESSION": 67,
    "RAISE_VERSION": 68,
    "SET_ACL": 80,
    "CREATE_ACL": 81,
    "MULTI": 82,
    "AS": 83,
    "REFUSE": 84,
    "ATTACH_SESSION": 88,
    "OPEN_ZOOKEEPER": 89,
}
GREETING = {"HELLO": 0, "PROTOCOL_VERSION": 1, "NO_SESSION": -1}
FAMILIES = {
    "consistency": {"LINEARIZABLE": 0, "SEQUENTIAL": 1, "STALE": 2},
    "kind of a node": {"PERSISTENT": 0, "EPHEMERAL": 1, "CONTAINER": 2, "TTL": 3},
    "mode of a watch": {"WATCH_NODE": 0, "WATCH_CHILDREN": 1, "WATCH_SUBTREE": 2},
    "kind of an event": {"CREATED": 1, "DELETED": 2, "CHANGED": 3},
    "state of a claim": {"GONE": 0, "WAITING": 1, "HELD": 2},
    "message of a server": {
        "WELCOME": 0,
        "EVENT": -1,
        "WATCH_LOST": -2,
        "LOCK_EVENT": -3,
        "LEADER": -4,
        "GOODBYE": -5,
    },
}


def test_no_number_has_changed_and_a_new_one_is_written_down_here():
    found = {name: value for name, value in vars(ops).items() if type(value) is int}
    families = dict(chain.from_iterable(family.items() for family in FAMILIES.values()))
    assert found == OPERATIONS | GREETING | families
    assert ops.MAGIC == "coordsvc"


def test_within_its_family_each_number_is_one_thing():
    for family in (OPERATIONS, *FAMILIES.values()):
        assert len(set(family.values())) == len(family)


def test_every_operation_and_nothing_else_has_a_name():
    operations = {number: name.lower() for name, number in OPERATIONS.items()}
    assert operations | {ops.HELLO: "hello"} == ops.NAMES


def test_a_client_can_ask_for_mutations_and_reads_and_for_nothing_of_the_service_itself():
    assert sorted(ops.MUTATIONS) == list(range(1, 10))
    assert sorted(ops.READS) == list(range(32, 44))
    assert not ops.MUTATIONS & ops.READS
    own = set(range(ops.OPEN_SESSION, ops.RAISE_VERSION + 1))
    assert not (own | ops.FOREIGN) & (ops.MUTATIONS | ops.READS)


def test_the_first_byte_of_a_native_payload_is_never_zero():
    # A greeting is an array of eight: 0x98. That tells it from ZooKeeper's on the same port.
    assert pack([ops.HELLO, ops.MAGIC, [1], 0, b"", 0, 0, ""])[0] == 0x98
