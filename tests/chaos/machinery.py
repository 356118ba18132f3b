"""What faults are made with: network namespaces, small disks, preloaded disks and clocks.

Each part says why it cannot be had where it cannot; the run then goes without those faults.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

DISK_MIB = 256
"""Room for the log, snapshots, and what a node keeps in reserve."""
SHIM = Path(__file__).with_name("shim.c")
FAKETIME = "libfaketime.so.1"
FAKETIME_PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


class MissingError(Exception):
    """A part cannot be had here; the text says why."""


def run(*command: str) -> None:
    """Run a system command.

    Raises:
        MissingError: it is not there, or fails.

    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise MissingError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise MissingError(f"{' '.join(command)}: {done.stderr.strip()}")


class Network:
    """A namespace for each node, joined by a bridge that this process has an address on.

    Packets between two nodes can be dropped, in silence, in one direction or both.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Make it.

        Raises:
            MissingError: not root, or the kernel or tools do not offer it.

        """
        number = os.getpid() % 250
        self._tag = f"cs{os.getpid() % 100_000}"
        self._names = tuple(names)
        self._spaces = {name: f"{self._tag}{name}" for name in names}
        self.addresses = {name: f"10.231.{number}.{i + 1}" for i, name in enumerate(names)}
        if os.geteuid() != 0:
            raise MissingError("partitions need root")
        if shutil.which("iptables") is None:
            raise MissingError("partitions need iptables (Debian's package of that name)")
        try:
            self._make(f"10.231.{number}.254")
        except MissingError:
            self.close()
            raise

    def _make(self, own: str) -> None:
        bridge = f"{self._tag}br"
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "addr", "add", f"{own}/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        for name, space in self._spaces.items():
            outside = f"{self._tag}{name}o"
            run("ip", "netns", "add", space)
            run(
                "ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space
            )
            run("ip", "link", "set", outside, "master", bridge, "up")
            self._inside(name, "ip", "addr", "add", f"{self.addresses[name]}/24", "dev", "eth0")
            self._inside(name, "ip", "link", "set", "eth0", "up")
            self._inside(name, "ip", "link", "set", "lo", "up")
            self._inside(name, "iptables", "-L", "-n")

    def prefix(self, name: str) -> list[str]:
        """Return what to put before a command that is to run where a node is."""
        return ["ip", "netns", "exec", self._spaces[name]]

    def cut(self, receiver: str, sender: str) -> None:
        """Drop what `sender` sends to `receiver`."""
        self._inside(
            receiver, "iptables", "-A", "INPUT", "-s", self.addresses[sender], "-j", "DROP"
        )

    def isolate(self, name: str) -> None:
        """Cut a node off from all other nodes; clients still reach it."""
        for other in self._names:
            if other != name:
                self.cut(name, other)
                self.cut(other, name)

    def heal(self) -> None:
        """Let everything through again."""
        for name in self._names:
            self._inside(name, "iptables", "-F", "INPUT")

    def _inside(self, name: str, *command: str) -> None:
        run(*self.prefix(name), *command)

    def close(self) -> None:
        """Remove everything; the veth pairs go with their namespaces."""
        for space in self._spaces.values():
            with contextlib.suppress(MissingError):
                run("ip", "netns", "del", space)
        with contextlib.suppress(MissingError):
            run("ip", "link", "del", f"{self._tag}br")


class SmallDisks:
    """A small file system for each node's folder, which can be filled to the brim."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Mount them.

        Raises:
            MissingError: not root, or not allowed.

        """
        if os.geteuid() != 0:
            raise MissingError("full disks need root")
        self._places = {name: folder / name for name in names}
        self._mounted: list[Path] = []
        for place in self._places.values():
            place.mkdir(parents=True)
            try:
                run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(place))
            except MissingError:
                self.close()
                raise
            self._mounted.append(place)

    def folder_of(self, name: str) -> Path:
        """Return where a node's data folder is: on its disk, beside what fills it."""
        return self._places[name] / name

    def fill(self, name: str, *, leave_mib: int) -> None:
        """Take all the room there is, but for so much."""
        self._take_all(name)
        if leave_mib:
            filler = self._places[name] / "filler"
            os.truncate(filler, max(0, filler.stat().st_size - (leave_mib << 20)))

    def _take_all(self, name: str) -> None:
        with (self._places[name] / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)) == size:
                        pass

    def free(self, name: str) -> None:
        """Give the room back."""
        (self._places[name] / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount them; what is on them is gone."""
        for place in self._mounted:
            with contextlib.suppress(MissingError):
                run("umount", "-l", str(place))


class BadDisks:
    """Syncs that take long or fail, by a library preloaded into every node."""

    OK, FAILING = "0", "-1"

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Compile the library.

        Raises:
            MissingError: there is no compiler.

        """
        compiler = shutil.which("cc")
        if compiler is None:
            raise MissingError("failing and slow disks need a C compiler (cc)")
        self._library = folder / "shim.so"
        run(compiler, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(SHIM), "-ldl")
        self._orders = {name: folder / f"{name}.disk" for name in names}
        for name in names:
            self.tell(name, self.OK)

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables that put a node on such a disk."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_DISK": str(self._orders[name])}

    def tell(self, name: str, order: str) -> None:
        """Have the disk of a node do as `order` says: OK, FAILING, or milliseconds of delay."""
        self._orders[name].write_text(order)


class Clocks:
    """Wall clocks that can be set, by libfaketime preloaded into every node.

    Only the wall clock: the monotonic one of a machine does not leap.
    """

    RIGHT = "+0"

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        """Find the library.

        Raises:
            MissingError: it is not installed.

        """
        found = [
            place
            for where in FAKETIME_PLACES
            for place in sorted(Path(where).glob(f"**/faketime/{FAKETIME}"))
        ]
        if not found:
            raise MissingError("clocks need libfaketime (Debian's package of that name)")
        self._library = found[0]
        self._orders = {name: folder / f"{name}.clock" for name in names}
        for name in names:
            self.set(name, self.RIGHT)

    def environment(self, name: str) -> dict[str, str]:
        """Return the variables that give a node such a clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._orders[name]),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, name: str, offset: str) -> None:
        """Set the clock of a node: RIGHT, or an offset in seconds such as "-3600"."""
        new = self._orders[name].with_suffix(".new")
        new.write_text(offset)
        new.rename(self._orders[name])
