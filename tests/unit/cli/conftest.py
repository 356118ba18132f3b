from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from coordsvc.cli.ctl import cli
from tests.unit.fakeserver import FakeServer

CLUSTER = {
    "cluster": "c", "term": 7, "leader": "n2", "revision": 9, "quorum": 2, "fault_tolerance": 1,
    "members": [{"id": "n1", "role": "follower", "up": True, "applied": 9, "lag": 0, "rtt_ms": 0.4,
                 "client_address": "a:1", "peer_address": "a:2"}],
}  # fmt: skip


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()


@pytest.fixture
def ctl(server, monkeypatch) -> Callable[..., Result]:
    """Run coordctl against the fake server."""
    monkeypatch.setenv("COORDSVC_ENDPOINTS", server.endpoint)

    def run(*arguments: str, **options) -> Result:
        result = CliRunner().invoke(cli, list(arguments), **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def web_of(monkeypatch):
    """Record what a module of commands asks over HTTP, and answer it with CLUSTER."""

    def record(module):
        asked = []

        def fetch(_options, method, path, body=None):
            asked.append((method, path, body))
            return CLUSTER

        monkeypatch.setattr(module, "fetch", fetch)
        return asked

    return record
