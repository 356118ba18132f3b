"""coordctl snapshot: save, inspect, verify."""

import json

import pytest

from coordsvc.cli import exits, snapshot
from coordsvc.cli.shared import Failure
from coordsvc.raft.messages import Membership, SnapshotMeta
from coordsvc.replica.codec import encode_meta
from coordsvc.state.machine import StateMachine
from coordsvc.storage.snapshot_format import Encoder, SnapshotHead


@pytest.fixture
def data():
    machine = StateMachine()
    machine.skip(7, 1_700_000_000_123)
    meta = SnapshotMeta(7, 2, Membership(("n1",)), 1_700_000_000_123)
    encoder, capture = Encoder(), machine.capture()
    parts = [encoder.header(SnapshotHead(7, 2, encode_meta(meta, ("home",))))]
    while (chunk := capture.next_chunk()) is not None:
        parts.append(encoder.chunk(chunk))
    return b"".join([*parts, encoder.trailer()])


@pytest.fixture
def sending(monkeypatch):
    """Have the node send these pieces, then fail if there is a failure."""

    def send(pieces, failure=None):
        def stream(_options, path):
            assert path == "/v1/snapshot"
            yield from pieces
            if failure is not None:
                raise failure

        monkeypatch.setattr(snapshot, "stream", stream)

    return send


def test_a_backup_is_saved_and_told_of(ctl, data, sending, tmp_path):
    file = tmp_path / "b.snap"
    sending([data[:50], data[50:]])
    result = ctl("snapshot", "save", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"revision 7  {len(data)} bytes, read back and checked" in result.stderr
    assert file.read_bytes() == data
    told = json.loads(ctl("snapshot", "save", str(file), "--overwrite", "-o", "json").stdout)
    assert told == {
        "file": str(file), "revision": 7, "size_bytes": len(data), "verified": True,
    }  # fmt: skip


def test_nothing_is_overwritten_without_the_flag(ctl, data, sending, tmp_path):
    file = tmp_path / "b.snap"
    file.write_bytes(b"old")
    sending([data])
    result = ctl("snapshot", "save", str(file))
    assert result.exit_code == exits.CONFLICT
    assert "--overwrite" in result.stderr
    assert file.read_bytes() == b"old"


def test_a_backup_is_whole_or_not_there(ctl, data, sending, tmp_path):
    file = tmp_path / "b.snap"
    sending([data[:60]], Failure("gone", exits.UNREACHABLE))
    assert ctl("snapshot", "save", str(file)).exit_code == exits.UNREACHABLE
    sending([data[:60]])
    result = ctl("snapshot", "save", str(file))
    assert result.exit_code == exits.OTHER
    assert "nothing was saved" in result.stderr
    assert list(tmp_path.iterdir()) == []
    sending([data])
    assert ctl("snapshot", "save", str(tmp_path / "no" / "b")).exit_code == exits.OTHER


def test_a_backup_is_looked_into(ctl, data, tmp_path):
    file = tmp_path / "b.snap"
    file.write_bytes(data)
    told = json.loads(ctl("snapshot", "inspect", str(file), "-o", "json").stdout)
    assert (told["cluster"], told["revision"], told["term"]) == ("home", 7, 2)
    assert (told["time"], told["voters"]) == ("2023-11-14T22:13:20.123Z", ["n1"])
    assert (told["nodes"], told["sessions"], told["locks"]) == (1, 0, 0)
    assert told["size_bytes"] == len(data)
    text = ctl("snapshot", "inspect", str(file)).stdout
    assert "cluster:        home\n" in text
    assert "learners:       -\n" in text


def test_a_good_backup_verifies_and_a_damaged_one_does_not(ctl, data, tmp_path):
    file = tmp_path / "b.snap"
    file.write_bytes(data)
    assert f"{file}: good, revision 7, 1 nodes" in ctl("snapshot", "verify", str(file)).stdout
    assert json.loads(ctl("snapshot", "verify", str(file), "-o", "json").stdout)["verified"] is True
    file.write_bytes(data[:-5] + b"x" + data[-4:])
    result = ctl("snapshot", "verify", str(file))
    assert result.exit_code == exits.OTHER
    assert "fails its checksum" in result.stderr


def test_a_file_that_is_not_there_is_exit_code_3(ctl, tmp_path):
    for command in ("inspect", "verify"):
        assert ctl("snapshot", command, str(tmp_path / "no")).exit_code == exits.NOT_FOUND
