"""What the benchmarks conclude: refusals, outages, goals."""

from __future__ import annotations

import json
import os
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace
from typing import Self, cast

import pytest

from tests.bench import against, peers
from tests.bench.against import Progress, Theirs
from tests.bench.alone import restart_s
from tests.bench.chart import Bar, draw
from tests.bench.command import parser
from tests.bench.comparison import OURS, Comparison
from tests.bench.driven import (
    STANDSTILLS_MAX,
    Driven,
    NothingAnsweredError,
    PeersError,
    outage_told,
    unless_it_stands_still,
)
from tests.bench.failover import outage_s
from tests.bench.figures import Measure, Summary
from tests.bench.goals import (
    AMONG_SESSIONS_ROWS,
    FANOUT_ROWS,
    LOOP_ROWS,
    SINGLE_ROWS,
    VARIANT_ROWS,
    Figure,
    Load,
    Row,
)
from tests.bench.growth import Step
from tests.bench.nodes import NotDurableError, Syncs, require_synced
from tests.bench.peers import Peer
from tests.bench.proc import Disk, is_gone


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
    row = Row("write", Load("write", 64), Figure.RATE, times=2.0)
    assert compared(row, 200, etcd=50, zookeeper=100).is_met
    assert not compared(row, 199, etcd=50, zookeeper=100).is_met
    assert compared(row, 200, etcd=50, zookeeper=100).ratio == 2.0


def test_a_time_is_held_against_the_shorter_one() -> None:
    row = Row("last watcher", Load("watch", 1000), Figure.P50, times=0.5)
    assert compared(row, 50, etcd=300, zookeeper=100).is_met
    assert not compared(row, 51, etcd=300, zookeeper=100).is_met


def test_a_bound_holds_whatever_the_peers_do() -> None:
    row = Row("outage", Load("kill"), Figure.SECONDS, bound=0.3)
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


def test_every_row_can_be_told_from_the_others() -> None:
    rows = [*LOOP_ROWS, *VARIANT_ROWS, *AMONG_SESSIONS_ROWS, *FANOUT_ROWS, *SINGLE_ROWS]
    assert len({(row.title, row.load, row.figure) for row in rows}) == len(rows)
    assert all(bool(row.times) != bool(row.bound) for row in rows)


def test_the_load_generators_share_of_the_cost_is_told() -> None:
    summary = Summary.of([Measure(1, 1, 1, {"leader": 5, "follower 1": 2, "client": 3})])
    assert summary.load_share == 0.3
    assert summary.as_dict()["load_share"] == 0.3
    assert Summary.of([Measure(1, 1, 1)]).load_share == 0.0


@pytest.mark.parametrize(
    ("large_us", "spread", "verdict"),
    [(11.9, 0.1, "flat"), (12.1, 0.1, "not flat"), (12.1, 0.5, "noisy")],
)
def test_growth_is_judged_by_the_ratio_unless_its_rounds_scatter(
    large_us: float, spread: float, verdict: str
) -> None:
    assert Step("nodes", 10, 10.0, large_us, spread).verdict == verdict


def test_a_peer_is_reached_at_its_leader_or_at_a_follower(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(peers.STATE_VARIABLE, str(tmp_path))
    (tmp_path / "goload").touch()
    peer = peers.Peer("etcd", tmp_path)
    peer.addresses, peer.leader_address = ["1:1", "2:1", "3:1"], "1:1"
    assert (peer.address_of("leader"), peer.address_of("follower")) == ("1:1", "2:1")
    monkeypatch.setenv("ETCD_PROCS", "1")
    assert any("ETCD_PROCS" in reason for reason in peer.unlike())


class OnPaper(Driven):
    """A cluster that nobody drives."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def start_leader_again(self) -> None: ...


def test_a_round_without_an_answer_is_no_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PEERS_STATE", str(tmp_path))
    with pytest.raises(PeersError, match="not set up"):
        OnPaper("zookeeper", tmp_path)
    (tmp_path / "goload").touch()
    idle = OnPaper("zookeeper", tmp_path)
    monkeypatch.setattr(idle, "load", lambda *_, **__: {"per_s": 0.0, "secs": 0.4})
    with pytest.raises(PeersError, match="too busy"):
        idle.loop("put", 16, 0.4)


@pytest.mark.parametrize("standstills", [0, STANDSTILLS_MAX, STANDSTILLS_MAX + 1])
def test_a_peer_that_stood_still_is_measured_again_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    standstills: int,
) -> None:
    monkeypatch.setenv(peers.STATE_VARIABLE, str(tmp_path))
    (tmp_path / "goload").touch()
    peer = peers.Peer("etcd", tmp_path)
    peer.addresses, peer.leader_address = ["1:1"], "1:1"
    cpu = {"srv_cpu_s_per_kop": [], "cli_cpu_s_per_kop": 0, "foreign_cpu_s": 0}
    still: dict[str, object] = {"per_s": 0.0, "secs": 0.4}
    answers = [still] * standstills + [{"per_s": 7.0, "secs": 1, "p50_us": 1, "p99_us": 1, **cpu}]
    monkeypatch.setattr(peer, "load", lambda *_, **__: answers.pop(0))
    theirs = Theirs(peer, Progress())
    if standstills > STANDSTILLS_MAX:
        with pytest.raises(NothingAnsweredError, match="etcd: nothing was answered"):
            theirs.drive(Load("write", 16), 0.4)
    else:
        assert theirs.drive(Load("write", 16), 0.4).per_s == 7
        assert capsys.readouterr().out.count("measured again") == standstills


def test_paths_start_from_where_one_stands_and_not_from_the_compiled_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEV_STANDS_IN", "/stand")
    found = parser().parse_args(["--out", "docs/x", "--folder", "/disk"])
    assert (found.out, found.folder) == (Path("/stand/docs/x"), Path("/disk"))
    monkeypatch.delenv("DEV_STANDS_IN")
    assert parser().parse_args(["--out", "docs/x"]).out == Path("docs/x")


def test_a_process_is_gone_when_only_its_exit_status_is_left() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert not is_gone(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(process.pid)
    assert is_gone(process.pid)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("outage_ms 620.5 from_last_ok_ms 640.0 failed 2", 0.6205),
        ("outage_ms 136.0 from_last_ok_ms 138.0 failed 0", 0.136),
        ("outage_ms 3002.1 from_last_ok_ms 5.6 failed 0", 0.1),
        ("outage_ms 3002.1 from_last_ok_ms 5.6 failed 1", 3.0021),
        ("outage_ms 30040.0 from_last_ok_ms 30050.0 failed 0", 30.04),
    ],
)
def test_an_outage_too_short_to_be_noticed_is_not_one_of_three_seconds(
    told: str, seconds: float
) -> None:
    assert outage_told(told.split()) == pytest.approx(seconds)


def test_what_was_found_is_told_also_if_a_service_does_not_start_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = LOOP_ROWS[0]
    found = Comparison(row, {OURS: [9.0], "etcd": [3.0]})

    def fail(*_: object) -> list[Comparison]:
        raise PeersError("it does not start")

    monkeypatch.setattr(against, "find_folder", lambda: tmp_path)
    monkeypatch.setattr(against, "Peer", lambda name, _: SimpleNamespace(name=name))
    monkeypatch.setattr(against, "compare_loops", lambda *_: [found])
    monkeypatch.setattr(against.alone, "compare_singles", fail)
    options = parser().parse_args(["--against", "etcd", "--out", str(tmp_path / "out")])
    with pytest.raises(PeersError, match="does not start"):
        against.main(options)
    assert "1 of 1 goals met" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["rows"][0]["ratio"] == 3


class Stubborn:
    """A peer of which a node does not come up some times, as far as a restart needs one."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.killed = 0

    def down(self, by: str) -> None:
        assert by == "KILL"
        self.killed += 1

    def start_up(self, *, keep: bool) -> None:
        assert keep

    def first_write_after(self, _began: float) -> float:
        return 2.5 + self.killed

    def settled(self, _starting: None) -> None:
        if self.killed <= self.failures:
            raise PeersError("etcd does not start")


@pytest.mark.parametrize("failures", [0, STANDSTILLS_MAX, STANDSTILLS_MAX + 1])
def test_a_restart_after_which_a_peer_does_not_serve_is_measured_again(failures: int) -> None:
    peer, said = cast("Peer", Stubborn(failures)), list[str]()
    if failures > STANDSTILLS_MAX:
        with pytest.raises(NothingAnsweredError, match="etcd does not start"):
            unless_it_stands_still(lambda: restart_s(peer), said.append)
    else:
        assert unless_it_stands_still(lambda: restart_s(peer), said.append) == 3.5 + failures
    assert said == ["etcd does not start; measured again"] * min(failures, STANDSTILLS_MAX)
