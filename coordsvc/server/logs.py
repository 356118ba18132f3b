"""Logs: structlog, set up once; the standard library's loggers flow into it.

Off a terminal each line is one JSON object with `time`, `level`, `event`, `node` and the fields
of the event; on a terminal the same as coloured key=value text.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Final, TextIO, cast


@contextlib.contextmanager
def hidden(package: str) -> Iterator[None]:
    """Have imports meanwhile not find `package`, unless it is loaded already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = cast("ModuleType", None)  # the import system's way to say: none here
    try:
        yield
    finally:
        del sys.modules[package]


with hidden("rich"):  # where it is installed structlog loads it: 4 MB, and a third of a start
    import structlog
    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_CHATTY: Final = ("aiohttp.access",)
"""A line for each request is what metrics are for."""


def set_up(*, level: str, form: str, node: str, stream: TextIO) -> FilteringBoundLogger:
    """Return the logger of this process, and lead the standard library's loggers into it.

    Args:
        level: a name of LEVELS; lines below it cost next to nothing.
        form: `json`, `text`, or `auto` for text on a terminal and JSON elsewhere.
        node: bound to every line.
        stream: where the lines go.

    """
    as_text = form == "text" or (form == "auto" and stream.isatty())
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=_text_processors(stream) if as_text else _json_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        context_class=dict,
        node=node,
    )
    logger = logger.bind()
    _lead_standard_logging_into(logger, LEVELS[level])
    return logger


def _json_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _first_things_first,
        structlog.processors.JSONRenderer(serializer=json.dumps, ensure_ascii=False),
    ]


def _text_processors(stream: TextIO) -> list[Processor]:
    coloured = stream.isatty() and not os.environ.get("NO_COLOR")
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False, key="timestamp"),
        structlog.dev.ConsoleRenderer(
            colors=coloured,
            pad_event_to=32,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]


def _first_things_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put what every line has in front, so that a person can read down the columns."""
    front = {key: event.pop(key) for key in ("time", "level", "node", "event") if key in event}
    return {**front, **event}


class _Bridge(logging.Handler):
    """Hands the standard library's records to structlog."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record` with its logger's name; levels above error count as error."""
        level = min(record.levelno, logging.ERROR)
        self._logger.log(
            level, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )


def _lead_standard_logging_into(logger: FilteringBoundLogger, level: int) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Bridge)]:
        root.removeHandler(handler)
    root.addHandler(_Bridge(logger))
    root.setLevel(max(level, logging.INFO))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
