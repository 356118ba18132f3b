import resource

import pytest

from coordsvc.server.descriptors import left_for_clients, raise_limit


@pytest.fixture
def limit(monkeypatch):
    """The limits of a process, soft and hard."""
    limits = [1_024, 4_096]

    def set_limit(_kind, wanted):
        if wanted[0] > 100_000:
            raise ValueError("not permitted")
        limits[:] = wanted

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    return limits


def test_as_many_are_taken_as_there_are(limit):
    raise_limit()
    assert limit == [4_096, 4_096]


def test_a_limit_that_is_not_granted_is_left(limit):
    limit[1] = 1 << 40
    raise_limit()
    assert limit[0] == 1_024


@pytest.mark.parametrize(
    ("most", "left"), [(1_024, 896), (80, 40), (resource.RLIM_INFINITY, 1 << 30)]
)
def test_the_node_keeps_some_for_itself(limit, most, left):
    limit[0] = most
    assert left_for_clients() == left
