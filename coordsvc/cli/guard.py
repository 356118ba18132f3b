"""A child process that runs only while a claim is held.

The child has a process group of its own, and the terminal if there is one. When the claim is
gone, it gets SIGTERM and GRACE_MS later SIGKILL. When the lease cannot be renewed, SIGTERM comes
so early that the child is certainly dead before anybody else can be given the lock.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Final

from coordsvc_client.blocking import NEVER, Connection, clock_ms
from coordsvc_client.claims import Claim, ClaimState

GRACE_MS: Final = 5_000
"""Between SIGTERM and SIGKILL; at most a third of the session's timeout."""
FORWARDED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class CannotRunError(Exception):
    """The command could not be started; the text says why."""


class GuardedChild:
    """A command, and the claim without which it must not run."""

    def __init__(
        self,
        connection: Connection,
        claim: Claim,
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        assert claim.state is ClaimState.HELD, "the child starts under the lock or not at all"
        self.lost = False
        """Whether the child had to be ended."""
        self._connection = connection
        self._claim = claim
        self._grace_ms = min(GRACE_MS, connection.conversation.lease.timeout_ms // 3)
        self._kill_at = NEVER
        self._forward: list[int] = []
        self._command = command
        self._environment = {**os.environ, **environment}

    def run(self) -> int:
        """Run the child; return its exit code as a shell gives it, when it has ended.

        Signals are caught before there is a child: one that ended this process in between would
        leave the child running without the lock.

        Raises:
            CannotRunError: there is no such command, or it may not be run.

        """
        with self._signals() as woken:
            child = self._start()
            try:
                with _terminal_of(child):
                    code = self._wait(child, woken)
            except BaseException:
                _signal(child, signal.SIGKILL)  # nobody is left to end it in time
                child.wait()
                raise
        if self.lost:
            _signal(child, signal.SIGKILL)  # whatever it has left behind
        return code if code >= 0 else 128 - code

    def _start(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - running it is the purpose
                self._command, env=self._environment, process_group=0
            )
        except OSError as error:
            raise CannotRunError(error.strerror) from error

    def _wait(self, child: subprocess.Popen[bytes], woken: socket.socket) -> int:
        code = child.poll()
        while code is None:
            self._connection.turn(self._next_look(), also=[woken.fileno()])
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)
            for number in self._forward:
                _signal(child, number)
            self._forward.clear()
            self._end_if_unsafe(child, clock_ms())
            code = child.poll()
        return code

    def _next_look(self) -> int:
        return min(self._kill_at, self._doubtful_at()) if not self.lost else self._kill_at

    def _doubtful_at(self) -> int:
        """Return from when the child could not be ended in time any more."""
        return self._connection.conversation.lease.end() - self._grace_ms

    def _end_if_unsafe(self, child: subprocess.Popen[bytes], now: int) -> None:
        if now >= self._kill_at:
            _signal(child, signal.SIGKILL)
            self._kill_at = NEVER
        elif not self.lost and (
            self._claim.state is not ClaimState.HELD or now >= self._doubtful_at()
        ):
            self.lost = True
            self._kill_at = now + self._grace_ms
            _signal(child, signal.SIGTERM)
            _signal(child, signal.SIGCONT)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Have signals wake the loop; those of FORWARDED go on to the child."""

        def keep(number: int, _frame: FrameType | None) -> None:
            if number != signal.SIGCHLD:
                self._forward.append(number)

        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        before = {number: signal.signal(number, keep) for number in (*FORWARDED, signal.SIGCHLD)}
        wakeup_before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(wakeup_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            woken.close()
            waker.close()


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


@contextlib.contextmanager
def _terminal_of(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Lend the terminal to the child, so that it can read and gets Ctrl-C itself."""
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        yield
        return
    terminal = sys.stdin.fileno()
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, child.pid)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(terminal, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)
