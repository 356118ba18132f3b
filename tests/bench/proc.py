"""What the kernel knows of processes, disks and this machine."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path

MEMORY_SYSTEMS = frozenset({"tmpfs", "ramfs"})
"""File systems on which a sync costs nothing and keeps nothing."""


def cpu_s(pid: int) -> float:
    """Return the seconds that all threads of a process have spent on a processor."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue  # a thread that has just ended
    return total / 1e9


def rss_bytes(pid: int) -> int:
    """Return how much memory a process has resident."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"process {pid} tells no size")


def machine_cpu_s() -> float:
    """Return the seconds that the processors of this machine were busy."""
    fields = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    idle, iowait = fields[3], fields[4]
    return (sum(fields) - idle - iowait) / os.sysconf("SC_CLK_TCK")


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended: then also what it listened on is free.

    One that is just ending has no command line any more, but still its sockets.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment a process was started with."""
    parts = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    return dict(part.split("=", 1) for part in parts if "=" in part)


@dataclass(frozen=True, slots=True)
class Disk:
    """What a folder lies on."""

    device: str
    """Major and minor number."""
    system: str
    """Kind of file system."""

    @property
    def keeps(self) -> bool:
        """Tell whether what is synced survives."""
        return self.system not in MEMORY_SYSTEMS


def disk_of(folder: Path) -> Disk:
    """Return the disk that holds `folder`."""
    number = folder.stat().st_dev
    device = f"{os.major(number)}:{os.minor(number)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[2] == device:
            return Disk(device, fields[fields.index("-") + 1])
    return Disk(device, "unknown")


def raise_file_limit() -> int:
    """Let this process and its children open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def describe_machine() -> str:
    """Return one line on processors, memory, load and the interpreter."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = os.getloadavg()[0]
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {python}, load before {load:.1f}"
