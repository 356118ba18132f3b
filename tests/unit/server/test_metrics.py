"""The numbers under the names that monitoring knows."""

from __future__ import annotations

import pytest

from coordsvc.base.vocabulary import codes, ops
from coordsvc.raft.node import PeerView
from coordsvc.server.counters import BOUNDS_S
from coordsvc.server.metrics import COUNTERS, GAUGES, HISTOGRAMS, PREFIX, ServerCollector


@pytest.fixture
async def families(node):
    return lambda: {family.name: family for family in ServerCollector(node.server).collect()}


async def test_every_metric_has_a_name_of_its_own_and_says_what_it_is(families):
    seen = list(families().values())
    assert len({family.name for family in seen}) == len(seen)
    assert all(family.name.startswith(PREFIX) for family in seen)
    assert all(family.documentation.endswith(".") for family in seen)
    listed = {PREFIX + name for name, *_ in (*GAUGES, *COUNTERS, *HISTOGRAMS)}
    assert listed <= {family.name for family in seen}


async def test_buckets_add_up(node, families):
    histogram = node.server.counters.snapshot_seconds
    for seconds in (BOUNDS_S[0], BOUNDS_S[1], 99.0):
        histogram.observe(seconds)
    samples = families()[PREFIX + "snapshot_duration_seconds"].samples
    buckets = [each.value for each in samples if each.name.endswith("_bucket")]
    assert buckets == [1, *[2] * (len(BOUNDS_S) - 1), 3]
    assert next(each.value for each in samples if each.name.endswith("_count")) == 3


async def test_the_leader_knows_how_far_its_peers_are(node, families, monkeypatch):
    server = node.server
    views = {"n2": PeerView("replicate", server.replica.raft.commit - 1, 1, 0, 0)}
    monkeypatch.setattr(type(server.replica.raft), "peers", lambda _self: views)
    monkeypatch.setattr(server.book, "others", lambda: ["n2", "n3"])
    monkeypatch.setattr(server.links, "round_trip_s", {"n2": 0.5}.get)
    seen = families()
    [lag] = seen[PREFIX + "raft_peer_lag_entries"].samples
    assert (lag.labels, lag.value) == ({"peer": "n2"}, 1)
    [round_trip] = seen[PREFIX + "raft_peer_rtt_seconds"].samples
    assert (round_trip.labels, round_trip.value) == ({"peer": "n2"}, 0.5)


async def test_names_are_not_found_by_computing_everything(node):
    assert list(ServerCollector(node.server).describe()) == []


async def test_requests_are_counted_by_operation_and_failures_by_code(node, families):
    hall = node.server.hall
    hall.requests[ops.SET] += 3
    hall.count_failure(codes.NO_NODE)
    hall.count_failure(codes.NO_NODE)
    seen = families()
    taken = {each.labels["op"]: each.value for each in seen[PREFIX + "requests"].samples}
    assert (taken["set"], taken["get"]) == (3, 0)
    [failed] = seen[PREFIX + "requests_failed"].samples
    assert (failed.labels, failed.value) == ({"code": "no_node", "proto": "native"}, 2)
