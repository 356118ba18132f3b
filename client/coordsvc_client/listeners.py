"""Calling what the user wants to have called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


def call(listener: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Call a listener from the event loop; an error of its own goes to the loop's handler.

    Whoever comes behind it must hear too: that a lock is lost, above all.
    """
    try:
        listener(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - it is the user's, and reported as asyncio does
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"a listener of coordsvc_client failed: {listener!r}", "exception": error}
        )
