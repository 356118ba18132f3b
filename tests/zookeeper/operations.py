"""The operations of the protocol as a script writes them, and as their replies read.

Each has its opcode, how its words become the body of a request, and how the body of a reply
becomes lines of text. Numbers that differ from run to run go through `Names`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from tests.zookeeper import jute
from tests.zookeeper.jute import Acl, Reader
from tests.zookeeper.names import Names

PERMS = {"r": 1, "w": 2, "c": 4, "d": 8, "a": 16}
OPEN = "world|anyone|rwcda"

ERRORS = {
    0: "ok",
    -1: "SystemError",
    -2: "RuntimeInconsistency",
    -5: "MarshallingError",
    -6: "Unimplemented",
    -8: "BadArguments",
    -13: "NewConfigNoQuorum",
    -14: "ReconfigInProgress",
    -101: "NoNode",
    -102: "NoAuth",
    -103: "BadVersion",
    -108: "NoChildrenForEphemerals",
    -110: "NodeExists",
    -111: "NotEmpty",
    -112: "SessionExpired",
    -114: "InvalidACL",
    -115: "AuthFailed",
    -118: "SessionMoved",
    -119: "NotReadOnly",
    -120: "EphemeralOnLocalSession",
    -121: "NoWatcher",
    -122: "RequestTimeout",
    -123: "ReconfigDisabled",
    -124: "SessionClosedRequireSaslAuth",
    -125: "QuotaExceeded",
    -127: "ThrottledOp",
}
EVENTS = {1: "created", 2: "deleted", 3: "changed", 4: "children", -1: "none"}

NAMED = frozenset(
    [
        "acl",
        "flags",
        "ttl",
        "data",
        "exist",
        "child",
        "persistent",
        "recursive",
        "joining",
        "leaving",
        "members",
        "version",
    ]
)
"""What a script writes as `name=value`."""

Fields = list[str]
"""The words of one operation after its name."""


@dataclass(frozen=True)
class Call:
    """Words of an operation, split into those by place and those by name."""

    words: list[str]
    named: dict[str, str]

    @classmethod
    def of(cls, words: Fields) -> Call:
        named = {}
        placed = []
        for word in words:
            key, equals, value = word.partition("=")
            if equals and key in NAMED:
                named[key] = value
            else:
                placed.append(word)
        return cls(placed, named)

    def get(self, place: int, default: str) -> str:
        return self.words[place] if place < len(self.words) else default


def text_of(word: str) -> str | None:
    """Return a word as text: `null` is null, `a*9` repeats, `\\u00e9` and its like are read."""
    if word == "null":
        return None
    word = re.sub(r"\\u([0-9a-f]{4,6})", lambda found: chr(int(found[1], 16)), word)
    if repeated := re.fullmatch(r"(.)\*(\d+)", word):
        return repeated[1] * int(repeated[2])
    return word


def data_of(word: str) -> bytes | None:
    if word.startswith("hex:"):
        return bytes.fromhex(word[4:])
    text = text_of(word)
    return None if text is None else text.encode()


def digest_of(credentials: str) -> str:
    """Return `user:password` as an access control list names that user."""
    digest = base64.b64encode(hashlib.sha1(credentials.encode()).digest()).decode()
    return f"{credentials.partition(':')[0]}:{digest}"


def acl_of(word: str) -> list[Acl] | None:
    """Return the list a word tells: `scheme|id|perms`, joined by `,`.

    The scheme `password` stands for digest, its id being `user:password`.
    """
    if word == "null":
        return None
    entries = []
    for part in filter(None, word.split(",")):
        scheme, user, perms = part.split("|")
        if scheme == "password":  # user:password, in the form that a list holds
            scheme, user = "digest", digest_of(user)
        number = (
            int(perms) if perms.lstrip("-").isdigit() else sum(PERMS[letter] for letter in perms)
        )
        entries.append(Acl(number, scheme, user))
    return entries


def paths_of(word: str) -> list[str]:
    return [] if not word else word.split(",")


def show_data(data: bytes | None) -> str:
    if data is None:
        return "data null"
    if data.startswith(b"server."):  # the members: their ports differ from run to run
        text = re.sub(r":\d+\b", ":PORT", data.decode())
        return "data " + ascii(re.sub(r"version=[0-9a-f]+", "version=HEX", text))
    if len(data) > 100:
        return f"data of {len(data)} bytes"
    return "data " + ascii(data.decode("utf-8", "backslashreplace"))


def show_acl(entry: Acl) -> str:
    letters = "".join(letter for letter, bit in PERMS.items() if entry.perms & bit)
    unknown = entry.perms & ~31
    return f"acl {entry.scheme}|{entry.id}|{letters}" + (f"+{unknown}" if unknown else "")


def show_children(names: list[str | None]) -> str:
    """The protocol gives them no order, so they are shown sorted."""
    return " ".join(["children", *sorted(ascii(name)[1:-1] for name in names)])


# Requests


def _path(call: Call, names: Names) -> bytes:
    return jute.string(text_of(call.get(0, "null")))


def _path_watch(call: Call, names: Names) -> bytes:
    return _path(call, names) + jute.boolean(call.get(1, "") == "watch")


def _path_version(call: Call, names: Names) -> bytes:
    return _path(call, names) + jute.integer(int(call.get(1, "-1")))


def _path_number(call: Call, names: Names) -> bytes:
    return _path(call, names) + jute.integer(int(call.get(1, "0")))


def _create(default_flags: int) -> Callable[[Call, Names], bytes]:
    def body(call: Call, names: Names) -> bytes:
        flags = int(call.named.get("flags", default_flags))
        return (
            _path(call, names)
            + jute.buffer(data_of(call.get(1, "")))
            + jute.acls(acl_of(call.named.get("acl", OPEN)))
            + jute.integer(flags)
        )

    return body


def _create_ttl(call: Call, names: Names) -> bytes:
    return _create(5)(call, names) + jute.long(int(call.named["ttl"]))


def _set(call: Call, names: Names) -> bytes:
    return (
        _path(call, names)
        + jute.buffer(data_of(call.get(1, "")))
        + jute.integer(int(call.get(2, "-1")))
    )


def _set_acl(call: Call, names: Names) -> bytes:
    return (
        _path(call, names)
        + jute.acls(acl_of(call.get(1, OPEN)))
        + jute.integer(int(call.get(2, "-1")))
    )


def _auth(call: Call, names: Names) -> bytes:
    return jute.integer(0) + jute.string(call.get(0, "")) + jute.buffer(data_of(call.get(1, "")))


def _set_watches(*kinds: str) -> Callable[[Call, Names], bytes]:
    def body(call: Call, names: Names) -> bytes:
        lists = [jute.strings(paths_of(call.named.get(kind, ""))) for kind in kinds]
        return jute.long(names.zxid_called(call.get(0, "0"))) + b"".join(lists)

    return body


def _reconfig(call: Call, names: Names) -> bytes:
    parts = [
        jute.string(text_of(call.named.get(k, "null"))) for k in ("joining", "leaving", "members")
    ]
    return b"".join(parts) + jute.long(int(call.named.get("version", "-1")))


def _token(call: Call, names: Names) -> bytes:
    return jute.buffer(data_of(call.get(0, "null")))


def _nothing(call: Call, names: Names) -> bytes:
    return b""


# Replies


def _no_body(reader: Reader, names: Names) -> list[str]:
    return []


def _a_path(reader: Reader, names: Names) -> list[str]:
    path = reader.string()
    return ["path null" if path is None else f"path {ascii(path)[1:-1]}"]


def _a_stat(reader: Reader, names: Names) -> list[str]:
    return [names.show_stat(reader.stat())]


def _path_and_stat(reader: Reader, names: Names) -> list[str]:
    return _a_path(reader, names) + _a_stat(reader, names)


def _data_and_stat(reader: Reader, names: Names) -> list[str]:
    return [show_data(reader.buffer()), names.show_stat(reader.stat())]


def _acl_and_stat(reader: Reader, names: Names) -> list[str]:
    return [*map(show_acl, reader.acls()), names.show_stat(reader.stat())]


def _children(reader: Reader, names: Names) -> list[str]:
    return [show_children(reader.strings())]


def _children_and_stat(reader: Reader, names: Names) -> list[str]:
    return [show_children(reader.strings()), names.show_stat(reader.stat())]


def _a_number(reader: Reader, names: Names) -> list[str]:
    return [f"number {reader.integer()}"]


def _a_token(reader: Reader, names: Names) -> list[str]:
    names.token = reader.buffer() or b""
    return [show_data(re.sub(rb'(nonce|rspauth)="?[^",]*"?', rb"\1=...", names.token))]


def _identities(reader: Reader, names: Names) -> list[str]:
    found = [f"identity {reader.string()}|{reader.string()}" for _ in range(reader.integer())]
    return sorted(found)


def _results(reader: Reader, names: Names) -> list[str]:
    """The results of a multi: one line each, or a few."""
    lines = []
    while True:
        kind, done, error = reader.integer(), reader.boolean(), reader.integer()
        if done:
            return [*lines, *([] if (kind, error) == (-1, -1) else [f"end {kind} {error}"])]
        if kind == -1:
            code = reader.integer()
            lines.append(f"- {ERRORS.get(code, code)}" + ("" if code == error else f" / {error}"))
            continue
        operation = BY_CODE[kind]
        body = operation.reply(reader, names)
        lines.append(" ".join([f"- {operation.name}", *body]) + (f" / {error}" if error else ""))


@dataclass(frozen=True)
class Operation:
    """One operation: its name in scripts, its opcode, its two bodies."""

    name: str
    code: int
    request: Callable[[Call, Names], bytes] | None
    """None: it is made of the operations within it."""
    reply: Callable[[Reader, Names], list[str]]
    writes: bool = False


_TABLE = (
    Operation("create", 1, _create(0), _a_path, writes=True),
    Operation("create2", 15, _create(0), _path_and_stat, writes=True),
    Operation("container", 19, _create(4), _path_and_stat, writes=True),
    Operation("ttl", 21, _create_ttl, _path_and_stat, writes=True),
    Operation("delete", 2, _path_version, _no_body, writes=True),
    Operation("exists", 3, _path_watch, _a_stat),
    Operation("get", 4, _path_watch, _data_and_stat),
    Operation("set", 5, _set, _a_stat, writes=True),
    Operation("getacl", 6, _path, _acl_and_stat),
    Operation("setacl", 7, _set_acl, _a_stat, writes=True),
    Operation("children", 8, _path_watch, _children),
    Operation("children2", 12, _path_watch, _children_and_stat),
    Operation("sync", 9, _path, _a_path),
    Operation("ping", 11, _nothing, _no_body),
    Operation("check", 13, _path_version, _no_body),
    Operation("multi", 14, None, _results, writes=True),
    Operation("multiread", 22, None, _results),
    Operation("reconfig", 16, _reconfig, _data_and_stat, writes=True),
    Operation("checkwatches", 17, _path_number, _no_body),
    Operation("removewatches", 18, _path_number, _no_body),
    Operation("auth", 100, _auth, _no_body),
    Operation("setwatches", 101, _set_watches("data", "exist", "child"), _no_body),
    Operation("sasl", 102, _token, _a_token),
    Operation("ephemerals", 103, _path, _children),
    Operation("allchildren", 104, _path, _a_number),
    Operation(
        "setwatches2",
        105,
        _set_watches("data", "exist", "child", "persistent", "recursive"),
        _no_body,
    ),
    Operation("addwatch", 106, _path_number, _a_number),
    Operation("whoami", 107, _nothing, _identities),
    Operation("close", -11, _nothing, _no_body, writes=True),
)
OPERATIONS = {operation.name: operation for operation in _TABLE}
BY_CODE = {operation.code: operation for operation in _TABLE}
FIXED_XID = {"ping": -2, "auth": -4, "setwatches": -8, "setwatches2": -8}


def encode(text: str, names: Names) -> tuple[Operation, bytes]:
    """Return what a line of a script asks for, and the body of the request."""
    name, _, rest = text.partition(" ")
    if name == "op":  # any opcode with any body
        code, *body = rest.split()
        return Operation("op", int(code), _nothing, _no_body), bytes.fromhex("".join(body))
    operation = OPERATIONS[name]
    if operation.request is None:
        parts = [encode(part.strip(), names) for part in rest.split(";") if part.strip()]
        headed = [
            jute.integer(each.code) + jute.boolean(False) + jute.integer(-1) + body
            for each, body in parts
        ]
        end = jute.integer(-1) + jute.boolean(True) + jute.integer(-1)
        return operation, b"".join(headed) + end
    return operation, operation.request(Call.of(_split(rest)), names)


def _split(text: str) -> Fields:
    """Split a line as a shell does, but leave backslashes alone."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split = True
    lexer.escape = ""
    lexer.commenters = ""
    return list(lexer)
