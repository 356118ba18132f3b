"""Operation numbers and the layout of requests.

A request is a MessagePack array in a frame of its own::

    read:      [op, serial, consistency, min_revision, *arguments]
    mutation:  [op, serial, floor, *arguments]

`serial` is the client's number of the request and grows within a session. `floor` is the
lowest serial of a *mutation* that the client still has no answer to (its own serial if there
is none other): the servers forget remembered answers below it. The bytes of a mutation go into
the replicated log unchanged, so their layout is also a disk format: a layout never changes,
a new one gets a new number.

Consistency of a read: `LINEARIZABLE` sees every write acknowledged before it was sent;
`SEQUENTIAL` is local and never older than `min_revision`; `STALE` is whatever is there.
"""

from __future__ import annotations

from typing import Final

# The first array of a connection, from the client:
#   [HELLO, "coordsvc", [protocol versions], session, password, timeout_ms, last_revision,
#    client_name]
# session 0 asks for a new session; NO_SESSION (-1) for a connection that only reads.
HELLO: Final = 0
MAGIC: Final = "coordsvc"
PROTOCOL_VERSION: Final = 1
NO_SESSION: Final = -1

# Mutations.
CREATE: Final = 1  # path, data|nil, kind, sequential, parents, ttl_ms, guards -> [path, stat]
PUT: Final = 2  # path, data|nil, parents, guards -> [created, stat]
SET: Final = 3  # path, data|nil, version, guards -> stat
DELETE: Final = 4  # path, version, recursive, guards -> how many nodes went
TXN: Final = 5  # conditions, then, otherwise -> [succeeded, [[code, value], ...]]
ACQUIRE: Final = 6  # path, shared, wait, delay_ms, note -> [state, request, token, position]
RELEASE: Final = 7  # path, request -> was it held (true) or waiting (false)
BREAK: Final = 8  # path, note -> how many holders lost the lock
CLOSE: Final = 9  # (nothing) -> nil; ends the session

# A transaction lists operations without serial and floor: [op, *arguments]. `then` and
# `otherwise` take CREATE, PUT, SET, DELETE and CHECK_VERSION / CHECK_TOKEN (a failing one undoes
# the branch); `conditions` take the CHECK_ kinds.
CHECK_VERSION: Final = 16  # path, version      exists with this version (-1: any)
CHECK_EXISTS: Final = 17  # path, exists        is there (true) or is not (false)
CHECK_TOKEN: Final = 18  # path, token          the token holds the lock at path
CHECK_DATA: Final = 19  # path, data            holds exactly these bytes
CHECK_MZXID: Final = 20  # path, revision       was last modified at or before this revision
# A guard of a single write is a CHECK_TOKEN without its number: [path, token].

# Reads.
GET: Final = 32  # path -> [data, stat]
STAT: Final = 33  # path -> stat (code NO_NODE if absent)
CHILDREN: Final = 34  # path, limit, after|nil, cursor, with_data -> [items, cursor]
WATCH: Final = 35  # path, mode, since, with_data -> revision it starts after; id is the serial
UNWATCH: Final = 36  # watch id -> nil
PING: Final = 37  # (nothing) -> nil; LINEARIZABLE: also proves the lease
LOCK_GET: Final = 38  # path -> lock (see messages.LOCK_FIELDS)
LOCK_LIST: Final = 39  # prefix, limit, after|nil -> [lock, ...]
LOCK_STATE: Final = 40  # path, request -> [state, request, token, position]
TOKEN_GET: Final = 41  # path, token -> nil, or code STALE_TOKEN
SESSIONS: Final = 42  # limit, after -> [session, ...] (see messages.SESSION_FIELDS)
STATUS: Final = 43  # (nothing) -> [[name, value], ...] of the node that answers

# Proposed by the service itself, never taken from a client (session 0).
OPEN_SESSION: Final = 64  # password, timeout_ms, client_name, address -> session
EXPIRE_SESSION: Final = 65  # session -> was it there
TICK: Final = 66  # (nothing): do what is due at the entry's stamp
END_SESSION: Final = 67  # session, note -> was it there; an operator ends a session
RAISE_VERSION: Final = 68  # version -> the version of the state machine from here on

# Made by the servers' doors for other languages, never taken from a native client. An `acl` is
# [[permissions, scheme, id], ...], `who` is [[scheme, id], ...]; an operation in MULTI and AS is
# listed as in a transaction: [op, *arguments].
SET_ACL: Final = 80  # path, acl, version -> stat
CREATE_ACL: Final = 81  # path, data|nil, kind, sequential, ttl_ms, acl -> [path, stat]
MULTI: Final = 82  # operations -> [succeeded, [[code, value], ...]]
AS: Final = 83  # who, operation or MULTI -> what that gives
REFUSE: Final = 84  # code: an operation of a MULTI that fails
# ... with session 0:
ATTACH_SESSION: Final = 88  # session, password, timeout_ms, address, era -> session; fences
OPEN_ZOOKEEPER: Final = 89  # as OPEN_SESSION; the nodes that ZooKeeper's clients expect are there

MUTATIONS: Final = frozenset({CREATE, PUT, SET, DELETE, TXN, ACQUIRE, RELEASE, BREAK, CLOSE})
READS: Final = frozenset(range(GET, STATUS + 1))
FOREIGN: Final = frozenset({SET_ACL, CREATE_ACL, MULTI, AS, REFUSE, ATTACH_SESSION, OPEN_ZOOKEEPER})

NAMES: Final = {
    value: name.lower()
    for name, value in sorted(globals().items())
    if name.isupper() and type(value) is int and name not in {"PROTOCOL_VERSION", "NO_SESSION"}
}

# Consistency of a read.
LINEARIZABLE: Final = 0
SEQUENTIAL: Final = 1
STALE: Final = 2

# Kind of a node.
PERSISTENT: Final = 0
EPHEMERAL: Final = 1
CONTAINER: Final = 2
TTL: Final = 3

# Mode of a watch.
WATCH_NODE: Final = 0
WATCH_CHILDREN: Final = 1  # creation and deletion of direct children, and of the node itself
WATCH_SUBTREE: Final = 2  # every change at or below the path

# Kind of an event (the numbers are ZooKeeper's).
CREATED: Final = 1
DELETED: Final = 2
CHANGED: Final = 3

# State of a lock request.
GONE: Final = 0  # released, cancelled, broken, or its session has ended
WAITING: Final = 1
HELD: Final = 2

# What the server sends: a frame is an array of messages, each an array.
#   serial > 0:  [serial, code, revision, value]              the reply to a request
WELCOME: Final = 0  # session, password, timeout_ms, revision, node, leader, leader_address,
#                     cluster, [its former names], [address of each member] (the last two may be
#                     missing)
EVENT: Final = -1  # watch id, kind, path, revision, stat|nil, data|nil
WATCH_LOST: Final = -2  # watch id, code, revision     the watch ended; start again after a re-read
LOCK_EVENT: Final = -3  # path, request, state, token, revision
LEADER: Final = -4  # node, address, term, [address of each member]   who leads now ("": nobody
#                     is known); sent again when the members change
GOODBYE: Final = -5  # code, text                      the server closes this connection, and why
