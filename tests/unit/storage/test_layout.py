"""The data folder: made, locked, and refused with advice."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from coordsvc.base.errors import SetupError
from coordsvc.storage.layout import DataFolder


def opened(path, cluster="cell", node="n1"):
    return DataFolder.open(path, cluster=cluster, node=node)


@pytest.fixture
def path(tmp_path):
    it = tmp_path / "deep" / "data"
    opened(it).close()
    return it


def rewrite(path, **changes):
    place = path / "identity.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))


def test_a_new_folder_is_made_with_an_identity_of_its_own(tmp_path):
    one, two = opened(tmp_path / "1"), opened(tmp_path / "2")
    assert (one.identity.cluster, one.identity.node) == ("cell", "n1")
    assert one.identity.salt != two.identity.salt
    assert 0 <= one.identity.salt < 2**32
    assert one.log.names() == one.snapshots.names() == []
    assert (tmp_path / "1").stat().st_mode & 0o777 == 0o700
    one.close()
    two.close()


def test_the_identity_stays(path):
    first = opened(path)
    first.close()
    second = opened(path)
    second.close()
    assert first.identity == second.identity


def test_two_cannot_use_one_folder_and_the_second_learns_who_has_it(path):
    holder = opened(path)
    with pytest.raises(SetupError, match=rf"pid {os.getpid()}\) uses this data folder"):
        opened(path)
    holder.close()
    opened(path).close()


def test_another_process_is_kept_out_too_and_the_lock_ends_with_its_holder(path):
    code = (
        "import sys; from pathlib import Path; from coordsvc.storage.layout import DataFolder\n"
        "folder = DataFolder.open(Path(sys.argv[1]), cluster='cell', node='n1')\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(SetupError, match=f"pid {other.pid}"):
            opened(path)
        other.kill()
        other.wait()
    opened(path).close()


@pytest.mark.parametrize(
    ("cluster", "node", "told"),
    [
        ("other", "n1", "belongs to cluster 'cell', not 'other'"),
        ("cell", "n2", "belongs to node 'n1', not 'n2'"),
    ],
)
def test_the_folder_of_another_is_refused_and_left_unlocked(path, cluster, node, told):
    with pytest.raises(SetupError, match=told):
        opened(path, cluster, node)
    opened(path).close()


def test_a_newer_format_is_refused(path):
    rewrite(path, format=2)
    with pytest.raises(SetupError, match="format 2 was written by a newer program"):
        opened(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "cluster": 3}'])
def test_an_unreadable_identity_is_refused_with_advice(path, text):
    (path / "identity.json").write_text(text)
    with pytest.raises(SetupError, match="move the data folder away"):
        opened(path)


@pytest.mark.parametrize("name", ["log", "snapshots"])
def test_a_missing_part_is_refused_rather_than_made_anew(path, name):
    (path / name).rmdir()
    with pytest.raises(SetupError, match=f"{name}: is missing"):
        opened(path)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(SetupError, match=r"'thesis\.txt'.* not a data folder"):
        opened(tmp_path)


def test_a_log_without_an_identity_is_refused(path):
    (path / "identity.json").unlink()
    (path / "log" / "0000000000000001.log").write_bytes(b"")
    with pytest.raises(SetupError, match="bring its identity file back"):
        opened(path)


def test_an_interrupted_first_start_is_finished(path):
    (path / "identity.json").rename(path / "identity.json.tmp")
    (path / "lost+found").mkdir()
    opened(path).close()


def test_a_path_that_cannot_be_written_is_refused_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="choose another folder"):
        opened(tmp_path / "file" / "data")


def test_a_folder_where_nothing_can_be_created_is_refused(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("secrets.randbits", refuse)
    with pytest.raises(SetupError, match="Permission denied"):
        opened(tmp_path / "data")
    monkeypatch.undo()
    opened(tmp_path / "data").close()


def test_a_folder_is_made_with_what_it_is_filled_with(tmp_path):
    path = tmp_path / "made"

    def fill(folder):
        folder.snapshots.open("x", create=True).close()
        assert not (path / "identity.json").exists()

    DataFolder.make(path, cluster="cell", node="n1", fill=fill)
    folder = opened(path)
    assert folder.snapshots.names() == ["x"]
    folder.close()


def test_a_folder_that_is_there_is_not_made_again(path):
    with pytest.raises(SetupError, match="a data folder already"):
        DataFolder.make(path, cluster="cell", node="n1", fill=lambda _: None)
    opened(path).close()  # nor is its lock kept


def test_a_folder_that_cannot_be_made_is_refused_with_advice(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="choose another folder"):
        DataFolder.make(tmp_path / "file" / "d", cluster="c", node="n1", fill=lambda _: None)

    def fail(_):
        raise OSError(28, "No space left on device")

    with pytest.raises(SetupError, match="No space left"):
        DataFolder.make(tmp_path / "d", cluster="c", node="n1", fill=fail)
