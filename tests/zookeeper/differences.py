"""Where our answers differ from those of ZooKeeper 3.8.0 on purpose, step by step, and why.

The test of conformance holds us to exactly this: a difference that is not listed fails, and so
does one that is listed but is none.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One step that we answer otherwise. `case` and `step` are as in the script."""

    script: str
    case: str
    step: str
    ours: tuple[str, ...]
    reason: str
    times: int = 1
    """How many steps of the case this is true of, if it repeats itself."""
    operation: str = ""
    """The operation that differs, where it is not that of the step."""

    @property
    def differs_in(self) -> str:
        """Return the name of the operation that differs."""
        return self.operation or self.step[2:].split()[0]


READ_TO_LOOK = "it needs READ, as from ZooKeeper 3.8.4 on"
CHECKED_FIRST = "a wrong password is refused before the session's connection is touched"
NOT_FOR_CLIENTS = "operations of servers among themselves are refused, and the connection closed"
APART = "one-shot and persistent watches on one path are kept apart, as from ZooKeeper 3.9 on"
NO_BODY = "a reply with an error has no body"
CHALLENGE = "data 'realm=\"zk-sasl-md5\",nonce=...,charset=utf-8,algorithm=md5-sess'"
ONLY_OWN = "only the caller's own watches count"

CONFIG_TIME = "/zookeeper/config tells the revision of the last change of members, not its time"
MEMBERS = (
    "data '"
    + "".join(f"server.{n}=127.0.0.1:PORT:PORT:participant;127.0.0.1:PORT\\n" for n in (1, 2, 3))
    + "version=HEX'"
)
CONFIG_STAT = (
    "stat czxid=0 mzxid=old ctime=0 mtime=0 version=-1 cversion=* aversion=-1 owner=0 length=*"
    " children=0 pzxid=0"
)
CREATED_HERE = (
    "stat czxid=z2 mzxid=z2 ctime=of(z2) mtime=of(z2) version={} cversion=0 aversion=0 owner=0"
    " length=1 children=0 pzxid=z2"
)

DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "check",
        "A check by itself",
        "b: silent",
        ("ok",),
        "by itself it is answered (ZooKeeper writes it to its log and cannot start again)",
        operation="check",
    ),
    Difference(
        "acl", "Looking for a node needs READ", "a: exists /n", ("error NoAuth",), READ_TO_LOOK
    ),
    Difference(
        "acl",
        "Looking for a node needs READ",
        "a: exists /n watch",
        ("error NoAuth",),
        READ_TO_LOOK,
    ),
    Difference(
        "sessions",
        "A wrong password takes nothing from its owner",
        'a: create /n ""',
        ("path /n", "z1"),
        CHECKED_FIRST,
        operation="connect",
    ),
    Difference(
        "badinput",
        "Opcodes of servers among themselves",
        "a: op 20 00000002 2f61",
        ("error Unimplemented",),
        NOT_FOR_CLIENTS,
    ),
    Difference(
        "badinput", "Opcodes of servers among themselves", "a: silent", ("closed",), NOT_FOR_CLIENTS
    ),
    Difference(
        "badinput",
        "Opcodes of servers among themselves",
        "b: op -10 00002710",
        ("error Unimplemented",),
        NOT_FOR_CLIENTS,
    ),
    Difference(
        "badinput", "Opcodes of servers among themselves", "b: silent", ("closed",), NOT_FOR_CLIENTS
    ),
    Difference(
        "data",
        "Reads do not judge a path",
        'a: exists ""',
        ("error NoNode",),
        "an empty path names no node (in ZooKeeper the root)",
    ),
    Difference(
        "multi",
        "create2 in a multi",
        'a: multi create2 /p/a "x" ; set /p/a "y"',
        (
            f"- create2 path /p/a {CREATED_HERE.format(0)}",
            f"- set {CREATED_HERE.format(1)}",
            "z2",
        ),
        "create2 gives its Stat, as outside a multi",
    ),
    Difference(
        "multi",
        "Operations that do not belong into a multi",
        'a: multiread create /n ""',
        ("error MarshallingError",),
        NO_BODY,
        operation="multiread",
    ),
    Difference(
        "sasl",
        "A wrong password",
        "a: login bob wrong",
        (CHALLENGE, "error AuthFailed"),
        NO_BODY,
        operation="sasl",
    ),
    Difference(
        "sasl",
        "A user nobody knows",
        "a: login eve whatever",
        (CHALLENGE, "error AuthFailed"),
        NO_BODY,
        operation="sasl",
    ),
    Difference("sasl", "A token that is none", "a: sasl nonsense", ("error AuthFailed",), NO_BODY),
    *(
        Difference(
            "config",
            "The node is there, for everybody to read",
            step,
            ours,
            CONFIG_TIME,
            operation="get",
        )
        for step, ours in (
            (
                "a: getacl /zookeeper/config",
                ("acl world|anyone|r", CONFIG_STAT),
            ),
            ("a: get /zookeeper/config", (MEMBERS, CONFIG_STAT)),
            ("a: exists /zookeeper/config", (CONFIG_STAT,)),
        )
    ),
    Difference(
        "config",
        "A change that cannot be",
        "a: reconfig leaving=nonsense",
        ("error BadArguments",),
        "a number that is none is BadArguments, like any other malformed wish",
    ),
    Difference(
        "config",
        "A change that cannot be",
        "a: reconfig",
        ("error BadArguments",),
        "a wish for nothing is BadArguments (ZooKeeper writes the same members again)",
    ),
    Difference(
        "config",
        "A change that cannot be",
        "a: get /zookeeper/config",
        (MEMBERS, CONFIG_STAT),
        CONFIG_TIME,
    ),
    Difference(
        "watches",
        "One-shot and persistent watches on one path",
        "b: events",
        ("event changed /n", "event changed /n"),
        APART,
        operation="addwatch",
    ),
    Difference(
        "watches",
        "Only one's own watches are looked up",
        "b: checkwatches /n 2",
        ("error NoWatcher",),
        ONLY_OWN,
    ),
    Difference(
        "watches",
        "Only one's own watches are looked up",
        "b: checkwatches /n 3",
        ("error NoWatcher",),
        ONLY_OWN,
    ),
)


def of_case(script: str, case: str) -> list[Difference]:
    """Return the differences of one case, in their order."""
    return [each for each in DIFFERENCES if (each.script, each.case) == (script, case)]
