import pytest

from tests.unit.fakeserver import FakeServer


@pytest.fixture
def server():
    fake = FakeServer()
    yield fake
    fake.close()
