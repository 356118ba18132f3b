"""Arrays grow at their end: what is there stays where it is, on the wire and on disk."""

import pytest

from coordsvc_client.wire import messages

GOLDEN = {
    "STAT_FIELDS": (
        *("czxid", "mzxid", "pzxid", "ctime", "mtime", "version", "cversion", "aversion"),
        *("owner", "data_length", "num_children", "kind", "ttl_ms"),
    ),
    "LOCK_FIELDS": ("path", "holders", "queue", "free_at"),
    "CLAIM_FIELDS": ("request", "session", "client_name", "shared", "token", "since", "note"),
    "SESSION_FIELDS": (
        *("session", "client_name", "address", "timeout_ms", "opened", "ephemerals", "locks"),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_fields_stay_in_their_places(name):
    fields = getattr(messages, name)
    assert fields[: len(GOLDEN[name])] == GOLDEN[name]
    assert len(set(fields)) == len(fields)


def test_every_shape_is_written_down_here():
    assert {name for name in vars(messages) if name.endswith("_FIELDS")} == GOLDEN.keys()
