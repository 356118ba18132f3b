"""Make the samples that later versions must be able to read: `python -m tests.samples.make NAME`.

Samples are made once, by the version whose name they bear, and never again: a test that reads
them fails when this code can no longer read what that one wrote. Make a new folder when a format
gets a new version; never touch an old one.

A folder holds::

    entries.json    each entry of the story with its outcome, and the digest after it
    state.json      the state in the end, in words (views.py)
    image.snap      a snapshot in the middle of the story
    node/           the data folder of a node: that snapshot, and a log that overlaps it
    node.json       what is in it
    peer.json       a greeting, and one frame of each message between replicas
    native.json     a client's frames, and what a server of its time answered (native.py);
                    only where the clients' protocol has changed
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from coordsvc.protocols.peer import codec
from coordsvc.protocols.peer.conversation import PeerConversation, PeerIdentity
from coordsvc.raft import membership
from coordsvc.raft import messages as raft
from coordsvc.raft.messages import Entry, HardState, Membership, SnapshotMeta
from coordsvc.replica.codec import EntryEncoder, encode_hard_state, names_in
from coordsvc.replica.vault import Vault
from coordsvc.state.machine import StateMachine
from coordsvc.storage.layout import DataFolder
from coordsvc.storage.snapshots import SnapshotStore
from coordsvc.storage.wal import WriteAheadLog
from tests.samples import peers, story, story_v2, story_v3
from tests.samples.views import meta_view, plain, view

FOLDER = Path(__file__).parent
CLUSTER, NODE = "sample", "n1"
FORMERLY = ("before",)  # what the cluster was called before it was restored
STORIES = {"v1": (story.story, 45), "v2": (story_v2.story, 41), "v3": (story_v3.story, 22)}
"""Of each version: what it tells, and where in it the snapshot is taken."""
OVERLAP = 10  # entries before it that the log still has
SEGMENT_BYTES = 2_048


def applied(machine, entries, first):
    """Apply entries from index `first` on; return each outcome with the digest after it."""
    outcomes = []
    for index, (_, kind, stamp_ms, data) in enumerate(entries, first):
        if kind == raft.COMMAND:
            done = machine.apply(index, stamp_ms, data)
            told = [done.session, done.serial, done.code, done.revision, plain(done.value)]
        else:
            machine.skip(index, stamp_ms)
            told = None
        outcomes.append({"outcome": told, "digest": machine.digest})
    return outcomes


def make_state(folder):
    """Write entries.json and state.json."""
    entries, machine = STORIES[folder.name][0](), StateMachine()
    outcomes = applied(machine, entries, 1)
    rows = [
        {"term": term, "kind": kind, "stamp_ms": stamp, "data": plain(data), **outcome}
        for (term, kind, stamp, data), outcome in zip(entries, outcomes, strict=True)
    ]
    write(folder / "entries.json", rows)
    write(folder / "state.json", view(machine))


def make_node(folder):
    """Write node/, node.json and image.snap."""
    tell, at = STORIES[folder.name]
    entries = [Entry(*fields) for fields in tell()]
    machine = StateMachine()
    applied(machine, entries[:at], 1)
    middle = entries[at - 1]
    meta = SnapshotMeta(at, middle.term, members_in(entries[:at]), middle.stamp_ms)
    place = folder / "node"
    data = DataFolder.open(place, cluster=CLUSTER, node=NODE)
    store = SnapshotStore.open(data.snapshots)
    vault = Vault(store, CLUSTER)
    vault.formerly = FORMERLY
    writer = vault.begin(meta, version=machine.version)
    capture = machine.capture()
    while (chunk := capture.next_chunk()) is not None:
        writer.write(chunk)
    file = writer.commit()
    (folder / "image.snap").write_bytes((place / "snapshots" / file.name).read_bytes())
    wal = WriteAheadLog.open(
        data.log,
        salt=data.identity.salt,
        segment_bytes=SEGMENT_BYTES,
        first_segment_bytes=SEGMENT_BYTES,
    )
    encoder = EntryEncoder()
    term = entries[-1].term
    for index in range(1, len(entries) + 1, 3):
        run = entries[index - 1 : index + 2]
        wal.save_state(encode_hard_state(HardState(run[-1].term, None)))
        wal.append(index, index + len(run) - 1, encoder.encode(run))
        wal.sync()
    wal.drop_before(at - OVERLAP)
    wal.save_state(encode_hard_state(HardState(term + 1, "n2")))
    # The tail of a deposed leader: replaced by what comes next.
    stray = [Entry(term, raft.COMMAND, 0, b"stray")] * 2
    wal.append(len(entries) + 1, len(entries) + 2, encoder.encode(stray))
    last = [Entry(term + 1, raft.NOOP, entries[-1].stamp_ms + 5, b"")]
    wal.append(len(entries) + 1, len(entries) + 1, encoder.encode(last))
    wal.close()
    data.close()
    for left in ("LOCK", "log/spare.tmp"):
        (place / left).unlink(missing_ok=True)
    applied(machine, [*entries[at:], *last], at + 1)
    fields = {
        "cluster": CLUSTER,
        "node": NODE,
        "meta": meta_view(meta),
        "names": list(names_in(file.extra)),
        "term": term + 1,
        "vote": "n2",
        "last_index": len(entries) + 1,
        "state": view(machine),
    }
    write(folder / "node.json", fields)


def members_in(entries):
    """Return the latest membership among some entries; at first there are three voters."""
    latest = Membership(("n1", "n2", "n3"))
    for entry in filter(membership.is_membership, entries):
        latest = membership.decode(entry.data)
    return latest


class Doorkeeper:
    """Says of a replica what it is told to."""

    def __init__(self, said):
        self._said = said

    def greeting(self):
        return self._said


def make_peer(folder):
    """Write peer.json."""
    said = peers.greeting_of(folder.name)
    us = PeerConversation(PeerIdentity(CLUSTER, NODE), Doorkeeper(said), "n2")
    frames = [
        {
            "kind": type(message).__name__,
            "says": repr(message),
            "frame": codec.encode(message, EntryEncoder()).hex(),
        }
        for message in peers.messages_of(folder.name)
    ]
    write(folder / "peer.json", {"greeting": us.greeting("n2").hex(), "frames": frames})


def write(path, value):
    """Write JSON that a person can read and a diff can show."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n", "utf-8")


def main(name):
    """Make all samples of a version, in a folder of its own."""
    folder = FOLDER / name
    folder.mkdir()
    make_state(folder)
    make_node(folder)
    make_peer(folder)
    print(f"{folder}: made; see at the top of this file whether native.json is due")


if __name__ == "__main__":
    main(sys.argv[1])
