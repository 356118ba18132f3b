"""What the benchmarks conclude: refusals, outages, goals."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import peers
from tests.bench.against import OURS, Comparison
from tests.bench.chart import Bar, draw
from tests.bench.failover import outage_s
from tests.bench.figures import Measure, Summary
from tests.bench.goals import Figure, Row
from tests.bench.nodes import NotDurableError, Syncs, require_synced
from tests.bench.proc import Disk


def test_writes_one_at_a_time_need_two_syncs_each() -> None:
    require_synced(Syncs(10, 0.1), Syncs(210, 0.2), writes=100, outstanding=1)
    with pytest.raises(NotDurableError, match="at least 200"):
        require_synced(Syncs(10, 0.1), Syncs(209, 0.2), writes=100, outstanding=1)


def test_writes_that_share_syncs_need_fewer() -> None:
    require_synced(Syncs(0, 0.0), Syncs(4, 0.1), writes=100, outstanding=50)
    with pytest.raises(NotDurableError):
        require_synced(Syncs(0, 0.0), Syncs(3, 0.1), writes=100, outstanding=50)


def test_syncs_that_take_no_time_are_none() -> None:
    with pytest.raises(NotDurableError, match="took"):
        require_synced(Syncs(0, 0.0), Syncs(200, 0.0001), writes=100, outstanding=1)


def test_memory_keeps_nothing() -> None:
    assert not Disk("0:1", "tmpfs").keeps
    assert Disk("254:0", "ext4").keeps


def test_an_outage_ends_with_the_longest_gap_after_the_signal() -> None:
    moments = [9.98, 9.99, 10.001, 10.3, 10.31, 10.32]
    assert outage_s(10.0, moments) == pytest.approx(0.3)


def test_an_outage_without_an_answer_has_no_end() -> None:
    assert outage_s(10.0, [9.0, 9.9]) == float("inf")


def compared(row: Row, ours: float, **theirs: float) -> Comparison:
    comparison = Comparison(row)
    for service, value in {OURS: ours, **theirs}.items():
        comparison.add(service, value)
    return comparison


def test_a_rate_is_held_against_the_faster_peer() -> None:
    row = Row("write", "write", 64, Figure.RATE, times=2.0)
    assert compared(row, 200, etcd=50, zookeeper=100).is_met
    assert not compared(row, 199, etcd=50, zookeeper=100).is_met
    assert compared(row, 200, etcd=50, zookeeper=100).ratio == 2.0


def test_a_time_is_held_against_the_shorter_one() -> None:
    row = Row("last watcher", "watch", 1000, Figure.P50, times=0.5)
    assert compared(row, 50, etcd=300, zookeeper=100).is_met
    assert not compared(row, 51, etcd=300, zookeeper=100).is_met


def test_a_bound_holds_whatever_the_peers_do() -> None:
    row = Row("outage", "kill", 0, Figure.SECONDS, bound=0.3)
    assert compared(row, 0.3).is_met
    assert not compared(row, 0.4, etcd=5.0).is_met


def test_rounds_come_to_medians_and_a_range() -> None:
    rounds = [Measure(rate, 1, 2, {"leader": cost}) for rate, cost in ((10, 5), (30, 1), (20, 3))]
    summary = Summary.of(rounds)
    assert (summary.low, summary.per_s, summary.high) == (10, 20, 30)
    assert summary.cpu_us == {"leader": 3}


def test_the_chart_is_xml_with_a_bar_for_each_row() -> None:
    root = ET.fromstring(draw("a & b", [Bar("one", 2.0, 1.5, True), Bar("two", 0.5, None, False)]))
    assert root.tag.endswith("svg")
    assert sum(each.tag.endswith("rect") for each in root) == 3


def test_missing_peers_are_told_with_the_way_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(peers.FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(peers.PeersError, match=r"setup\.sh"):
        peers.find_folder()
    (tmp_path / "peers_up.sh").touch()
    monkeypatch.setenv(peers.STATE_VARIABLE, str(tmp_path))
    with pytest.raises(peers.PeersError, match="not set up"):
        peers.Peer("etcd", peers.find_folder())


def test_a_peer_that_does_not_sync_is_not_compared_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(peers.STATE_VARIABLE, str(tmp_path))
    (tmp_path / "goload").touch()
    (tmp_path / "data/zk/1").mkdir(parents=True)
    (tmp_path / "data/zk/1/zoo.cfg").write_text("forceSync=no\n")
    peer = peers.Peer("zookeeper", tmp_path)
    assert any("turns syncing off" in reason for reason in peer.unlike())
