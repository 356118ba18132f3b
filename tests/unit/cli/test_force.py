"""coordsvc force-new-cluster on the command line."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from coordsvc.cli.force import PHRASE
from coordsvc.cli.main import cli
from coordsvc.offline.inspection import inspect_folder
from coordsvc.storage.layout import DataFolder

SAMPLE = Path(__file__).parents[2] / "samples" / "v1" / "node"


@pytest.fixture
def place(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "node")
    return tmp_path / "node"


def run(place, data, *more, cluster="saved", phrase=PHRASE):
    arguments = ["force-new-cluster", place, "--data-dir", data, "--node", "n1"]
    if phrase is not None:
        arguments += ["--confirm", phrase]
    return CliRunner().invoke(cli, list(map(str, [*arguments, "--cluster", cluster, *more])))


def files(place):
    return {
        str(each.relative_to(place)): each.read_bytes()
        for each in place.rglob("*")
        if each.is_file() and each.name != "LOCK"
    }


def test_nothing_is_done_without_the_words(place, tmp_path):
    for phrase in (None, "yes"):
        result = run(place, tmp_path / "new", phrase=phrase)
        assert result.exit_code == 2
        assert "acknowledged may be LOST" in result.output
        assert "up to entry 62 of term 5" in result.output
        assert 'Nothing was done. To go on: --confirm "writes may be lost"' in result.output
    assert not (tmp_path / "new").exists()


def test_a_cluster_of_one_goes_on_far_above_and_the_old_folder_stays(place, tmp_path):
    before = files(place)
    result = run(place, tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert files(place) == before
    assert f"node n1 of cluster saved, at revision {62 + 10**12}" in result.output
    folder = DataFolder.open_existing(tmp_path / "new")
    report = inspect_folder(folder)
    folder.close()
    assert report.is_sound
    assert (report.last_index, report.last_term) == (62 + 10**12, 1_005)
    assert (report.membership.voters, report.membership.learners) == (("n1",), ())
    assert report.identity.cluster == "saved"


def test_the_new_cluster_has_another_name(place, tmp_path):
    result = run(place, tmp_path / "new", cluster="sample")
    assert result.exit_code == 2
    assert "needs another name than 'sample'" in result.output


def test_what_is_behind_damage_is_lost_and_told(place, tmp_path):
    file = sorted((place / "log").glob("*.log"))[1]
    data = bytearray(file.read_bytes())
    data[180] ^= 1
    file.write_bytes(data)
    result = run(place, tmp_path / "new")
    assert result.exit_code == 0, result.output
    assert f"DAMAGE: {file}, byte" in result.output
    assert "behind the first damage is LOST" in result.output


def test_a_snapshot_and_a_log_that_do_not_join_are_no_state(place, tmp_path):
    (snapshot,) = (place / "snapshots").iterdir()
    snapshot.unlink()
    result = run(place, tmp_path / "new")
    assert result.exit_code == 1
    assert "what lies between is missing" in result.output
