"""How the bounds relate."""

import re
from pathlib import Path

from coordsvc.base import limits
from coordsvc.server.clients import CONNECTIONS_MAX
from coordsvc_client.wire import framing


def test_every_bound_is_a_positive_number():
    bounds = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert all(type(value) is int and value > 0 for value in bounds.values())


def test_client_and_server_agree_on_the_largest_frame():
    assert limits.FRAME_BYTES_MAX == framing.FRAME_BYTES_MAX


def test_the_page_of_limits_has_each_with_its_value():
    page = (Path(__file__).parents[3] / "docs" / "limits.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| \S", page, re.MULTILINE)
    told = {name: int(value) for name, value in rows}
    bounds = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert told == {name: value for name, value in bounds.items() if name not in {"KIB", "MIB"}}
    assert f"takes {CONNECTIONS_MAX:,} connections" in page
