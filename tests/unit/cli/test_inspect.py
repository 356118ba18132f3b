"""coordsvc inspect and repair on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from coordsvc.cli.main import cli
from coordsvc.storage.layout import DataFolder
from tests.samples.later import take_snapshot

SAMPLE = Path(__file__).parents[2] / "samples" / "v1" / "node"


@pytest.fixture
def place(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "node")
    return tmp_path / "node"


def run(*arguments):
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def spoil(place, segment, offset):
    file = sorted((place / "log").glob("*.log"))[segment]
    data = bytearray(file.read_bytes())
    data[offset] ^= 1
    file.write_bytes(data)
    return file


def test_a_sound_folder_is_shown(place):
    result = run("inspect", place)
    assert result.exit_code == 0, result.output
    assert "cluster:    sample\nnode:       n1\nterm:       5, voted for n2\n" in result.output
    assert "entries:    31..62\n" in result.output
    assert "members:    n1, n2, n3; learning n4\n" in result.output
    assert "repair:     the log is sound\n" in result.output
    told = json.loads(run("inspect", place, "-o", "json").output)
    assert (told["sound"], told["last_index"], told["damage"]) == (True, 62, [])
    assert (told["repair"], told["clean_stop"], told["voters"]) == (
        "nothing", True, ["n1", "n2", "n3"],
    )  # fmt: skip


def test_damage_is_shown_with_its_place_and_an_exit_code(place):
    file = spoil(place, 1, 180)
    result = run("inspect", place)
    assert result.exit_code == 1
    assert f"DAMAGE:     {file}, byte " in result.output
    told = json.loads(run("inspect", place, "-o", "json").output)
    assert (told["damage"][0]["file"], told["repair"]) == (str(file), "cut")
    assert told["damage"][0]["offset"] == 160


def test_entries_are_dumped(place):
    lines = run("inspect", place, "--entries", "54..56").output.splitlines()
    assert lines[0] == "54 term 3 command session 0x34 close [2, 1]"
    assert lines[1].startswith("55 term 3 membership ")
    assert len(lines) == 3
    everything = run("inspect", place, "--entries", "..", "-o", "json").output
    rows = [json.loads(line) for line in everything.splitlines()]
    assert [row["index"] for row in rows] == list(range(31, 63))
    assert run("inspect", place, "--entries", "60").output.startswith(
        "60 term 3 command end_session"
    )
    assert "FROM..TO" in run("inspect", place, "--entries", "x..").output
    assert run("inspect", place, "--entries", "x").exit_code == 2


def test_a_folder_in_use_or_no_folder_is_not_looked_into(place, tmp_path):
    folder = DataFolder.open_existing(place)
    try:
        result = run("inspect", place)
        assert result.exit_code == 2
        assert "another process" in result.output
    finally:
        folder.close()
    result = run("inspect", tmp_path)
    assert (result.exit_code, "is no data folder" in result.output) == (2, True)


def test_a_repair_that_may_lose_something_is_not_done_unasked(place):
    spoil(place, 1, 180)
    result = run("repair", place)
    assert result.exit_code == 1
    assert "would be lost" in result.output
    assert "coordctl members replace NODE" in result.output
    assert run("inspect", place).exit_code == 1, "nothing was done"
    result = run("repair", place, "--accept-data-loss")
    assert result.exit_code == 0
    assert "CUT" in result.output
    assert "is kept in" in result.output
    assert run("inspect", place).exit_code == 0


def test_a_repair_that_loses_nothing_is_done(place):
    folder = DataFolder.open_existing(place)
    take_snapshot(folder, 60)
    folder.close()
    spoil(place, 0, 540)
    result = run("repair", place)
    assert result.exit_code == 0
    assert "dropped, nothing is lost" in result.output
    assert "now ends at entry 62" in result.output
    assert "nothing was done" in run("repair", place).output
