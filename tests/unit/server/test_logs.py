import importlib.util
import io
import json
import logging
import subprocess
import sys
import warnings

import pytest

from coordsvc.base.ports import Logger
from coordsvc.server.logs import hidden, set_up


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _standard_logging_as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_off_a_terminal_a_line_is_a_json_object_with_the_common_fields_in_front():
    stream = io.StringIO()
    log: Logger = set_up(level="info", form="auto", node="n1", stream=stream)
    log.info("became leader", term=3, address="ü")
    (line,) = lines(stream)
    assert list(line) == ["time", "level", "node", "event", "term", "address"]
    assert line["event"] == "became leader"
    assert (line["level"], line["node"], line["address"]) == ("info", "n1", "ü")
    assert line["time"].endswith("Z")


def test_on_a_terminal_a_line_is_coloured_text(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    set_up(level="info", form="auto", node="n1", stream=stream).info("ready", port=1)
    assert "\x1b[" in stream.getvalue()
    assert "ready" in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_text_without_colour_where_nobody_sees_it_or_wants_it(stream, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    set_up(level="info", form="text", node="n1", stream=stream).info("ready", port=1)
    assert "\x1b[" not in stream.getvalue()
    assert "port=1" in stream.getvalue()


def test_lines_below_the_level_are_dropped():
    stream = io.StringIO()
    log = set_up(level="warning", form="json", node="n1", stream=stream)
    log.info("no")
    log.debug("no")
    log.warning("yes")
    log.error("yes")
    assert [line["event"] for line in lines(stream)] == ["yes", "yes"]


def test_what_the_standard_library_logs_comes_the_same_way_once():
    stream = io.StringIO()
    set_up(level="info", form="json", node="n0", stream=io.StringIO())
    set_up(level="info", form="json", node="n1", stream=stream)
    logging.getLogger("asyncio").warning("slow %s", "task")
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("x").critical("gone")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", stacklevel=1)
    found = lines(stream)
    assert [(line["logger"], line["level"]) for line in found] == [
        ("asyncio", "warning"),
        ("x", "error"),
        ("py.warnings", "warning"),
    ]
    assert found[0]["event"] == "slow task"
    assert {line["node"] for line in found} == {"n1"}


def test_an_exception_is_one_line_without_the_values_of_variables():
    stream = io.StringIO()
    set_up(level="info", form="json", node="n1", stream=stream)
    secret = "hunter2" * 1
    try:
        int(len(secret) * "x")
    except ValueError:
        logging.getLogger("x").exception("bad")
    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]
    assert secret not in stream.getvalue()


WITHOUT_RICH = """
import sys
import coordsvc.server.main
assert "structlog" in sys.modules
print([name for name in sys.modules if name.partition(".")[0] in ("rich", "pygments")])
import rich
"""


@pytest.mark.skipif(importlib.util.find_spec("rich") is None, reason="rich is not installed here")
def test_what_structlog_would_load_for_colours_is_not_loaded_but_can_be():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RICH], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_package_that_is_loaded_stays_loaded():
    with hidden("json"):
        import json as again  # noqa: PLC0415
    assert again is json
    assert sys.modules["json"] is json
