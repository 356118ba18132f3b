"""How a simulated run can end badly, and the exit code of each way."""

from __future__ import annotations

from typing import ClassVar


class RunFailed(Exception):
    """A run ended badly. A code base that raises anything else has crashed (exit code 1)."""

    exit_code: ClassVar[int] = 1


class WrongResult(RunFailed):
    """The service broke a promise; the text names the promise and the evidence."""

    exit_code: ClassVar[int] = 2


class NoProgress(RunFailed):
    """Faults are over and the service still does not do what it must do by now."""

    exit_code: ClassVar[int] = 3
