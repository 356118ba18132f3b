"""A real ZooKeeper for the tests, from Debian's package: started on free ports of this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import HOST, free_ports
from tests.zookeeper.operations import digest_of
from tests.zookeeper.script import SUPER, Address

JARS = Path("/usr/share/java")
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
READY_S = 60.0
USERS = {"bob": "bobsecret", "alice": "alicesecret"}
"""The users that servers under test know by SASL."""
TICK_MS = 500
"""Short, so that sessions can end within a test: timeouts go from 1 to 10 seconds."""


def missing() -> str | None:
    """Return why there can be no ZooKeeper on this machine, or None."""
    if shutil.which("java") is None:
        return "no java on PATH"
    if not (JARS / "zookeeper.jar").exists():
        return "Debian's packages zookeeper and libzookeeper-java are not installed"
    return None


def class_path(*more: str) -> str:
    """Return the library of ZooKeeper and what it needs."""
    jars = [JARS / "zookeeper.jar", JARS / "zookeeper-jute.jar", JARS / "slf4j-simple.jar"]
    return os.pathsep.join([*map(str, jars), *more])


def super_digest() -> str:
    """Return the administrator as servers are configured to know him."""
    return digest_of(SUPER)


def jaas() -> str:
    """Return the configuration of the users that SASL knows."""
    users = " ".join(f'user_{user}="{password}"' for user, password in USERS.items())
    module = "org.apache.zookeeper.server.auth.DigestLoginModule"
    return f"Server {{ {module} required {users}; }};\n"


class Reference:
    """One ZooKeeper, or an ensemble of `servers`. Use as a context manager."""

    def __init__(self, folder: Path, *, servers: int = 1) -> None:
        ports = free_ports(3 * servers)
        self.addresses: list[Address] = [(HOST, port) for port in ports[:servers]]
        self._peers = list(zip(ports[servers : 2 * servers], ports[2 * servers :], strict=True))
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def _configuration(self, number: int) -> str:
        folder = self._folder / str(number)
        lines = [
            f"tickTime={TICK_MS}",
            "initLimit=20",
            "syncLimit=10",
            f"dataDir={folder}",
            "maxClientCnxns=0",
            "admin.enableServer=false",
            "4lw.commands.whitelist=*",
            "reconfigEnabled=true",
            "standaloneEnabled=true",
        ]
        if len(self.addresses) == 1:
            lines += [f"clientPort={self.addresses[0][1]}", f"clientPortAddress={HOST}"]
        else:
            lines += [
                f"server.{n}={HOST}:{quorum}:{election}:participant;{host}:{client}"
                for n, ((quorum, election), (host, client)) in enumerate(
                    zip(self._peers, self.addresses, strict=True), 1
                )
            ]
        return "\n".join(lines) + "\n"

    def _start(self, number: int) -> None:
        folder = self._folder / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "myid").write_text(f"{number}\n")
        (folder / "zoo.cfg").write_text(self._configuration(number))
        (folder / "jaas.conf").write_text(jaas())
        command = [
            *("java", "-Xmx200m", "-XX:TieredStopAtLevel=1"),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            f"-Dzookeeper.DigestAuthenticationProvider.superDigest={super_digest()}",
            "-Dzookeeper.extendedTypesEnabled=true",
            "-Dzookeeper.enforceQuota=true",
            "-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            f"-Djava.security.auth.login.config={folder / 'jaas.conf'}",
            "-Dznode.container.checkIntervalMs=500",
            *("-cp", class_path(), MAIN, str(folder / "zoo.cfg")),
        ]
        with (folder / "log").open("wb") as log:
            self._processes[number] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self) -> None:
        """Start every server that does not run; wait until all serve."""
        try:
            for number in range(1, len(self.addresses) + 1):
                if number not in self._processes:
                    self._start(number)
            self._await_service()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    def kill(self, address: Address) -> None:
        """End one server as a crash would."""
        process = self._processes.pop(self.addresses.index(address) + 1)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """End every server."""
        for address in list(self.addresses):
            if self.addresses.index(address) + 1 in self._processes:
                self.kill(address)

    def _await_service(self) -> None:
        until = time.monotonic() + READY_S
        while not all(map(mode, self.addresses)):
            logs = "\n".join(file.read_text()[-2000:] for file in self._folder.glob("*/log"))
            assert time.monotonic() < until, f"ZooKeeper does not start:\n{logs}"
            time.sleep(0.1)


def mode(address: Address) -> str:
    """Return `leader`, `follower` or `standalone`; nothing if a server does not serve."""
    try:
        with socket.create_connection(address, timeout=1) as connection:
            connection.sendall(b"srvr")
            told = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    except OSError:
        return ""
    found = re.search(r"Mode: (\w+)", told)
    return found[1] if found else ""
