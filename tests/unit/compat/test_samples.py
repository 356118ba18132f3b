"""What older versions wrote and said is read as it was meant. See tests/samples/make.py."""

import json
import random
import shutil
from pathlib import Path

import pytest

from coordsvc.base.errors import RemoteProtocolError
from coordsvc.base.ports import SilentLogger
from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import PeerConversation, PeerIdentity
from coordsvc.raft.messages import COMMAND, HardState, MemberInfo, Membership, SnapshotMeta
from coordsvc.raft.node import RaftNode, RaftSettings, RecoveredRaft
from coordsvc.replica.codec import EntryEncoder, decode_meta, names_in
from coordsvc.replica.gate import Gate
from coordsvc.replica.recover import recover
from coordsvc.replica.vault import Vault
from coordsvc.state import quota, versions
from coordsvc.state.machine import StateMachine
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshot_format import Checker
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.samples.make import STORIES
from tests.samples.peers import greeting_of, messages_of
from tests.samples.views import meta_view, plain, view

SAMPLES = Path(__file__).parents[2] / "samples"
VERSIONS = sorted(each.name for each in SAMPLES.iterdir() if (each / "entries.json").exists())


@pytest.fixture(params=VERSIONS)
def sample(request):
    return SAMPLES / request.param


def read(path):
    return json.loads(path.read_text("utf-8"))


def is_at_least(new, old):
    """Tell whether `new` says all that `old` did: arrays may have grown at their ends."""
    if isinstance(old, list):
        return (
            isinstance(new, list)
            and len(new) >= len(old)
            and all(is_at_least(n, o) for n, o in zip(new, old, strict=False))
        )
    return new == old


def apply(machine, rows, first):
    """Apply the rows from index `first` on; yield the outcome of each."""
    for index, row in enumerate(rows[first - 1 :], first):
        if row["kind"] == COMMAND:
            data = bytes.fromhex(row["data"]["hex"])
            done = machine.apply(index, row["stamp_ms"], data)
            told = [done.session, done.serial, done.code, done.revision, plain(done.value)]
        else:
            machine.skip(index, row["stamp_ms"])
            told = None
        yield index, row, told


def test_there_is_a_sample_of_each_version_of_the_state_machine():
    assert set(VERSIONS) == {f"v{version}" for version in versions.HISTORY} == set(STORIES)


def test_a_sample_has_in_its_image_what_its_version_brought():
    checker = Checker("sample")
    content = (SAMPLES / "v2" / "image.snap").read_bytes()
    machine = StateMachine.restore(checker.feed(content))
    nodes = machine.tree.nodes
    assert machine.version == 2
    assert any(node.acl for node in nodes.values())
    assert any(event.acl for event in machine.history.events)
    assert quota.is_in_use(nodes)
    assert any(session.replies.era for session in machine.sessions.by_id.values())


def test_every_entry_means_what_it_meant(sample):
    machine = StateMachine()
    for index, row, told in apply(machine, read(sample / "entries.json"), 1):
        assert is_at_least(told, row["outcome"]), index
        # Members of different versions compare digests: the same entries give the same one.
        assert machine.digest == row["digest"], index
    assert view(machine) == read(sample / "state.json")


def test_an_old_image_is_loaded_and_life_goes_on_from_it(sample):
    checker = Checker("sample")
    machine = StateMachine.restore(checker.feed((sample / "image.snap").read_bytes()))
    extra, node = checker.finish().extra, read(sample / "node.json")
    meta = decode_meta(extra)
    assert meta_view(meta) == node["meta"]
    assert names_in(extra) == tuple(node.get("names", ()))
    assert machine.revision == meta.index
    rows = read(sample / "entries.json")
    assert machine.digest == rows[machine.revision - 1]["digest"]
    for index, row, told in apply(machine, rows, machine.revision + 1):
        assert is_at_least(told, row["outcome"]), index
        assert machine.digest == row["digest"], index
    assert view(machine) == read(sample / "state.json")


def test_an_old_data_folder_is_recovered(sample, tmp_path):
    expected = read(sample / "node.json")
    place = tmp_path / "node"
    shutil.copytree(sample / "node", place)
    folder = DataFolder.open(place, cluster=expected["cluster"], node=expected["node"])
    wal = WriteAheadLog.open(folder.log, salt=folder.identity.salt)
    found = recover(wal, Vault(SnapshotStore.open(folder.snapshots)), Membership(("n1",)))
    wal.close()
    folder.close()
    raft, machine = found.raft, found.machine
    assert (raft.hard_state.term, raft.hard_state.vote) == (expected["term"], expected["vote"])
    assert meta_view(raft.snapshot) == expected["meta"]
    for index, entry in enumerate(raft.entries, raft.snapshot.index + 1):
        if entry.kind == COMMAND:
            machine.apply(index, entry.stamp_ms, entry.data)
        else:
            machine.skip(index, entry.stamp_ms)
    assert machine.revision == expected["last_index"]
    assert view(machine) == expected["state"]


def test_old_messages_between_replicas_are_understood(sample):
    frames = read(sample / "peer.json")["frames"]
    for frame, message in zip(frames, messages_of(sample.name), strict=True):
        assert type(message).__name__ == frame["kind"]
        assert codec.decode(bytes.fromhex(frame["frame"])[4:]) == message


def test_what_this_version_says_is_what_the_old_one_said(sample):
    """An older member reads what we send: the bytes of its kinds are the same."""
    frames = read(sample / "peer.json")["frames"]
    for frame, message in zip(frames, messages_of(sample.name), strict=True):
        assert codec.encode(message, EntryEncoder()).hex() == frame["frame"], frame["kind"]


def gate():
    """Return a doorkeeper that knows n1 and n2 by name alone."""
    snapshot = SnapshotMeta(0, 0, Membership(("n1", "n2")))
    raft = RaftNode(
        "n2", RaftSettings(), RecoveredRaft(HardState(0, None), snapshot, []),
        chance=random.Random(1), log=SilentLogger(), now=0,
    )  # fmt: skip
    return Gate(MemberInfo("n2", 5), raft, SilentLogger())


def test_an_old_greeting_is_accepted_and_a_strange_one_is_not(sample):
    greeting = bytes.fromhex(read(sample / "peer.json")["greeting"])
    us = PeerConversation(PeerIdentity("sample", "n2"), gate(), None)
    assert us.receive_data(greeting) == []
    assert us.peer == "n1"
    assert us.told == greeting_of(sample.name)
    stranger = PeerConversation(PeerIdentity("another", "n2"), gate(), None)
    with pytest.raises(RemoteProtocolError, match="cluster"):
        stranger.receive_data(greeting)


def test_a_sample_that_says_something_else_is_found_out():
    assert not is_at_least([1, 2], [1, 3])
    assert not is_at_least([1], [1, None])
    assert is_at_least([1, [2, 9], 3], [1, [2]])
