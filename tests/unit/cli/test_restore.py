"""coordsvc restore on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from coordsvc.cli.main import cli
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import encode_meta
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshot_format import Encoder, SnapshotHead


@pytest.fixture
def backup(tmp_path):
    machine = StateMachine()
    machine.skip(7, 1_700_000_000_000)
    meta = SnapshotMeta(7, 2, Membership(("old",)), 1_700_000_000_000)
    encoder, capture = Encoder(), machine.capture()
    parts = [encoder.header(SnapshotHead(7, 2, encode_meta(meta)))]
    while (chunk := capture.next_chunk()) is not None:
        parts.append(encoder.chunk(chunk))
    place = tmp_path / "b.snap"
    place.write_bytes(b"".join([*parts, encoder.trailer()]))
    return place


def run(backup, folder, *more, node="n1", members="n1=h1,n2=h2"):
    arguments = ["--data-dir", str(folder), "--node", node, "--cluster", "new"]
    return CliRunner().invoke(
        cli, ["restore", str(backup), *arguments, "--members", members, *more]
    )


def test_it_says_what_it_did_and_what_to_do_next(backup, tmp_path):
    result = run(backup, tmp_path / "d")
    assert result.exit_code == 0, result.output
    assert "backup: revision 7, 2023-11-14 22:13:20 UTC, 1 nodes; 0 sessions ended" in result.output
    assert f"node n1 of cluster new, at revision {7 + 10**12}" in result.output
    assert "next: restore n2 from the same file" in result.output
    assert "--members n1=h1:2281/2181/8181,n2=h2:2281/2181/8181" in result.output


def test_a_cluster_of_one_is_only_to_be_started(backup, tmp_path):
    result = run(backup, tmp_path / "d", "--revision-bump", "1000000", members="n1=h1")
    assert "next: start the node" in result.output
    assert "at revision 1000007" in result.output


def test_a_folder_in_use_is_the_operators_to_choose_better(backup, tmp_path):
    run(backup, tmp_path / "d")
    result = run(backup, tmp_path / "d")
    assert result.exit_code == 2
    assert "data folder already" in result.stderr


def test_damage_has_an_exit_code_of_its_own(backup, tmp_path):
    backup.write_bytes(backup.read_bytes()[:-1])
    result = run(backup, tmp_path / "d")
    assert result.exit_code == 1
    assert "ends too early" in result.stderr
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"node": "n3"}, "not among"), ({"members": "n1"}, "does not start with"),
     ({"node": "n 1"}, "not a name")],
)  # fmt: skip
def test_wrong_usage_is_explained(backup, tmp_path, change, complaint):
    result = run(backup, tmp_path / "d", **change)
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_bump_that_is_too_small_is_refused(backup, tmp_path):
    assert run(backup, tmp_path / "d", "--revision-bump", "10").exit_code == 2
