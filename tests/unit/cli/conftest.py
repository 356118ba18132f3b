from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from coordsvc.cli.ctl import cli
from tests.unit.fakeserver import FakeServer


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
