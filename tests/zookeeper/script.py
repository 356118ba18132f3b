"""Scripts: cases written as text, with the answers of a real ZooKeeper recorded between the steps.

    == A created node is there
    a: connect
      connected session=s1 timeout=10000 password=16 bytes readonly=no
    a: create /n "hello"
      path /n
      z1

A line that begins with two blanks is an answer, every other line is a step (`#` starts a
comment). `record` replaces the answers; the test compares them. A step is `NAME: WORDS`, where
NAME is a connection:

- `connect` greets: `timeout=`, `session=` (a session's name), `password=`, `lastzxid=`,
  `readonly=yes|absent`, `server=` (the number of a server), `open` sends no greeting;
- an operation (see `operations.py`) is sent, and everything up to its reply is shown;
  `NAME> WORDS` sends it without waiting, a later `NAME: replies` shows what is owed;
- `login USER PASSWORD` authenticates by SASL, in two exchanges;
- `events` shows what came unasked (it pings to know); `wait` waits for one frame or the end,
  `ended` for the end whatever comes before it;
- `drop` ends the TCP connection; `raw HEX` sends bytes; `frame HEX` a frame; `silent` checks that
  nothing comes; `word TEXT` sends four letters and shows the first line of the answer;
- `sleep MS` pauses, under any name.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.zookeeper import digest_md5, jute, operations
from tests.zookeeper.jute import Reader, TooShort
from tests.zookeeper.link import WAIT_S, Closed, Link, Silence
from tests.zookeeper.names import Names
from tests.zookeeper.operations import ERRORS, EVENTS, FIXED_XID, Operation

SCRIPTS = Path(__file__).parent / "scripts"
SILENT_S = 0.5
HEADER = 16
"""Bytes of a reply before its body."""
SUPER = "super:adminsecret"
"""The administrator that the servers under test are configured to know."""

Address = tuple[str, int]


@dataclass
class Step:
    """One step and the lines that answer it."""

    text: str
    answer: list[str] = field(default_factory=list)


@dataclass
class Case:
    """One case: a title and its steps."""

    title: str
    steps: list[Step]

    def words(self) -> set[str]:
        """Return the names of the operations it uses."""
        used = set()
        for step in self.steps:
            text = step.text.partition(" ")[2]
            name, _, rest = text.partition(" ")
            used.add(name)
            if name in ("multi", "multiread"):
                used |= {part.split()[0] for part in rest.split(";") if part.strip()}
        if "login" in used:
            used.add("sasl")
        return used & (operations.OPERATIONS.keys() | {"connect"})


@dataclass
class Script:
    """A file of cases. `head` are the lines before the first."""

    name: str
    head: list[str]
    cases: list[Case]

    def text(self) -> str:
        lines = list(self.head)
        for case in self.cases:
            lines += [f"== {case.title}"]
            for step in case.steps:
                lines += [step.text, *(f"  {line}" for line in step.answer)]
            lines += [""]
        return "\n".join(lines)


def mismatches(
    case: Case, answers: list[list[str]]
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return the steps whose answers are not those recorded: (step, recorded, answer)."""
    return [
        (step.text, tuple(step.answer), tuple(answer))
        for step, answer in zip(case.steps, answers, strict=True)
        if answer != step.answer
    ]


def read(file: Path) -> Script:
    """Read a script."""
    script = Script(file.stem, [], [])
    for line in file.read_text().splitlines():
        if line.startswith("== "):
            script.cases.append(Case(line[3:], []))
        elif not script.cases:
            script.head.append(line)
        elif line.startswith("  "):
            script.cases[-1].steps[-1].answer.append(line[2:])
        elif line.strip():
            script.cases[-1].steps.append(Step(line))
    return script


def scripts() -> list[Script]:
    """Return every script, by name."""
    return [read(file) for file in sorted(SCRIPTS.glob("*.zk"))]


class Actor:
    """One connection of a case."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.link: Link | None = None
        self._owed: list[tuple[int, Operation]] = []
        self._xid = 0
        self._highest_zxid = 0

    def connect(self, servers: list[Address], words: list[str]) -> list[str]:
        named = dict(word.split("=", 1) for word in words if "=" in word)
        if self.link is not None:
            self.link.close()
        self.link = Link(servers[int(named.get("server", "1")) - 1])
        self._owed.clear()
        if "open" in words:
            return []
        session, password = 0, bytes(16)
        if "session" in named:
            session, password = self._session(named["session"])
        if "password" in named:
            password = {"null": None, "wrong": b"x" * 16, "short": b"xy"}[named["password"]]
        zxid = named.get("lastzxid", "0")
        self.link.send_frame(
            jute.integer(int(named.get("protocol", "0")))
            + jute.long((1 << 62) if zxid == "future" else self.names.zxid_called(zxid))
            + jute.integer(int(named.get("timeout", "10000")))
            + jute.long(session)
            + jute.buffer(password)
            + {"no": b"\0", "yes": b"\1", "absent": b""}[named.get("readonly", "no")]
        )
        return [] if "unread" in words else self.greeted()

    def _session(self, name: str) -> tuple[int, bytes]:
        if name == "unknown":
            return 0x0123456789ABCD, b"y" * 16
        return self.names.session_called(name)

    def greeted(self) -> list[str]:
        """Return the lines of the reply to a connect request."""
        try:
            reader = Reader(self._the_link().frame())
        except Closed:
            return ["closed"]
        protocol, timeout, session = reader.integer(), reader.integer(), reader.long()
        password = reader.buffer()
        shown = self.names.show_password(session, password)
        if session and password:
            self.names.remember_password(session, password)
        readonly = {0: "absent"}.get(reader.left) or ("yes" if reader.boolean() else "no")
        line = (
            f"connected session={self.names.session(session)} timeout={timeout}"
            f" password={shown} readonly={readonly}"
        )
        line += f" protocol={protocol}" if protocol else ""
        return [line, *self._leftover(reader)]

    def send(self, text: str) -> None:
        operation, body = operations.encode(text, self.names)
        self._xid += 1
        xid = FIXED_XID.get(operation.name, self._xid)
        self._owed.append((xid, operation))
        self._the_link().send_frame(jute.integer(xid) + jute.integer(operation.code) + body)

    def replies(self, wait_s: float) -> list[str]:
        """Return the lines of everything that comes up to the last reply owed."""
        lines: list[str] = []
        while self._owed:
            try:
                lines += self._show(self._the_link().frame(wait_s))
            except Closed:
                self._owed.clear()
                lines.append("closed")
            except Silence:
                self._owed.clear()
                lines.append("silence")
        return lines

    def wait(self, wait_s: float) -> list[str]:
        """Return the lines of the next frame, of the end, or of neither."""
        try:
            return self._show(self._the_link().frame(wait_s))
        except Closed:
            return ["closed"]
        except Silence:
            return ["silence"]

    def _show(self, frame: bytes) -> list[str]:
        reader = Reader(frame)
        try:
            xid, zxid, error = reader.integer(), reader.long(), reader.integer()
            if xid == -1:
                return [*self._event(reader, zxid, error), *self._leftover(reader)]
            return [*self._reply(reader, frame, xid, zxid, error), *self._leftover(reader)]
        except TooShort:
            return [f"a frame of {len(frame)} bytes that ends too early"]

    def _event(self, reader: Reader, zxid: int, error: int) -> list[str]:
        kind, state, path = reader.integer(), reader.integer(), reader.string()
        line = f"event {EVENTS.get(kind, kind)} {ascii(path)[1:-1]}"
        line += f" state={state}" if state != 3 else ""
        line += f" zxid={self.names.zxid(zxid)}" if zxid != -1 else ""
        return [line + (f" error={error}" if error else "")]

    def _reply(self, reader: Reader, frame: bytes, xid: int, zxid: int, error: int) -> list[str]:
        if not self._owed:
            return [f"a reply nobody asked for: xid={xid} {ERRORS.get(error, error)}"]
        wanted, operation = self._owed.pop(0)
        lines = [] if xid == wanted else [f"xid={xid}, not {wanted}"]
        if operation.name == "auth":
            lines += [f"zxid={zxid}"] if zxid else []
        elif 0 < zxid < self._highest_zxid:  # clients do not look at one that is not positive
            lines.append("the zxid went back")
        self._highest_zxid = max(zxid, self._highest_zxid)
        if error:
            return [*lines, f"error {ERRORS.get(error, 'unknown')}"]
        if operation.writes and _changes(operation, Reader(frame[HEADER:])):
            named = [self.names.new_zxid(zxid)]  # before its own Stat is shown
        else:
            named = []
        lines += operation.reply(reader, self.names)
        return lines + named or ["ok"]

    def _leftover(self, reader: Reader) -> list[str]:
        return [f"{reader.left} bytes more"] if reader.left else []

    def _the_link(self) -> Link:
        assert self.link is not None, "connect first"
        return self.link

    def login(self, user: str, password: str) -> list[str]:
        """Authenticate by SASL DIGEST-MD5; return the lines of both replies."""
        self.send('sasl ""')
        lines = self.replies(WAIT_S)
        self.send(f"sasl hex:{digest_md5.response(self.names.token, user, password).hex()}")
        return lines + self.replies(WAIT_S)

    def crude(self, verb: str, rest: str) -> list[str]:
        """Do something to the TCP connection."""
        link = self._the_link()
        match verb:
            case "drop":
                link.close()
            case "raw":
                link.send(bytes.fromhex(rest))
            case "frame":
                link.send_frame(bytes.fromhex(rest))
            case _:
                link.send(rest.encode())
                return link.everything().decode().splitlines()[:1]
        return []

    def drain(self) -> None:
        """Wait for the end of the connection, whatever comes before it."""
        self._the_link().everything()

    def end(self) -> None:
        """Close the session, if it can still be closed."""
        if self.link is None:
            return
        with contextlib.suppress(OSError):  # it may have been closed already
            self._owed.clear()
            self.send("close")
            self.replies(1.0)
        self.link.close()


def _changes(operation: Operation, body: Reader) -> bool:
    """Tell whether a reply without an error is that of a change, which a failed multi is not."""
    if operation.name != "multi":
        return True
    results = operation.reply(body, Names())
    return any(line.split()[1] in ("create", "create2", "set", "delete") for line in results)


class Stage:
    """Where cases run: the client addresses of one or more servers, and a tree to clean up."""

    def __init__(self, servers: list[Address]) -> None:
        self.servers = servers

    def run(self, case: Case) -> list[list[str]]:
        """Play a case from an empty tree; return the answers, step by step."""
        names = Names()
        names.begin(self.clear())
        actors: dict[str, Actor] = {}
        answers = []
        try:
            for step in case.steps:
                answers.append(self._play(step.text, actors, names))
        finally:
            for actor in actors.values():
                actor.end()
        return answers

    def _play(self, text: str, actors: dict[str, Actor], names: Names) -> list[str]:
        if text.startswith("#"):
            return []
        name, mark, words = text[0], text[1], text[2:].strip()
        actor = actors.setdefault(name, Actor(names))
        verb, _, rest = words.partition(" ")
        if mark == ">":
            actor.send(words)
            return []
        match verb:
            case "connect":
                return actor.connect(self.servers, rest.split())
            case "greeted":
                return actor.greeted()
            case "replies":
                return actor.replies(WAIT_S)
            case "events":
                actor.send("ping")
                return [line for line in actor.replies(WAIT_S) if line != "ok"]
            case "wait":
                return actor.wait(WAIT_S)
            case "ended":
                actor.drain()
                return ["closed"]
            case "silent":
                return actor.wait(SILENT_S)
            case "sleep":
                time.sleep(int(rest) / 1000)
                return []
            case "login":
                return actor.login(*rest.split())
            case "drop" | "raw" | "frame" | "word":
                return actor.crude(verb, rest)
            case _:
                actor.send(words)
                return actor.replies(WAIT_S)

    def clear(self) -> int:
        """Empty the tree as an administrator; return the last zxid."""
        link = Link(self.servers[0])
        try:
            admin = _Admin(link)
            admin.empty("/", keep=("zookeeper",))
            admin.empty("/zookeeper/quota")
            zxid = admin.ask("exists", jute.string("/") + b"\0")[0]
            admin.ask("close", b"")
        finally:
            link.close()
        return zxid


class _Admin:
    """Deletes whatever there is."""

    def __init__(self, link: Link) -> None:
        self._link = link
        link.send_frame(
            jute.integer(0) + jute.long(0) + jute.integer(10_000) + jute.long(0)
            + jute.buffer(bytes(16)) + b"\0"
        )  # fmt: skip
        link.frame()
        self.ask("auth", jute.integer(0) + jute.string("digest") + jute.string(SUPER))
        self.ask("sync", jute.string("/"))

    def ask(self, name: str, body: bytes) -> tuple[int, int, Reader]:
        xid = jute.integer(FIXED_XID.get(name, 1))
        self._link.send_frame(xid + jute.integer(operations.OPERATIONS[name].code) + body)
        reader = Reader(self._link.frame())
        reader.integer()
        return reader.long(), reader.integer(), reader

    def empty(self, path: str, keep: tuple[str, ...] = ()) -> None:
        _, error, reader = self.ask("children", jute.string(path) + b"\0")
        for name in [] if error else reader.strings():
            child = f"{path.rstrip('/')}/{name}"
            if name not in keep:
                self.empty(child)
                _, error, _ = self.ask("delete", jute.string(child) + jute.integer(-1))
                assert error in (0, -101), f"cannot clear {child}: {ERRORS.get(error, error)}"
