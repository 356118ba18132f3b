"""From what is on disk to a replica's beginnings."""

from __future__ import annotations

from coordsvc.base.errors import CorruptData, SetupError, VersionUnknown
from coordsvc.raft.messages import HardState, Membership, SnapshotMeta
from coordsvc.raft.node import RecoveredRaft
from coordsvc.replica.codec import decode_hard_state, rebuild_log
from coordsvc.replica.settings import Recovered
from coordsvc.replica.vault import Vault
from coordsvc.state import versions
from coordsvc.state.machine import StateMachine
from coordsvc.storage.wal import WriteAheadLog


def recover(wal: WriteAheadLog, vault: Vault, bootstrap: Membership) -> Recovered:
    """Return what the newest snapshot and the log behind it hold.

    `bootstrap` is the membership with which a cluster starts that has no snapshot yet.

    Raises:
        CorruptData: snapshot and log do not join: something that was durable is missing.
        SetupError: the state has a version that this program has not, or the log goes on to one.

    """
    try:
        return _recover(wal, vault, bootstrap)
    except VersionUnknown as error:
        raise SetupError(str(error)) from error


def _recover(wal: WriteAheadLog, vault: Vault, bootstrap: Membership) -> Recovered:
    log = wal.recovered
    latest = vault.latest()
    if latest is None:
        meta, machine = SnapshotMeta(0, 0, bootstrap), StateMachine()
    else:
        meta, machine = latest
        if machine.revision != meta.index:
            raise CorruptData(f"the snapshot at {meta.index} holds revision {machine.revision}")
    if not log.records and log.last_index > meta.index:
        raise CorruptData(
            f"the log starts behind entry {log.last_index}, the snapshot ends at {meta.index}: what"
            " lies between is missing"
        )
    rebuilt = rebuild_log(log.records, meta.index, meta.term)
    entries = rebuilt or []
    for entry in entries:
        versions.check(versions.raised_to(entry.data) or machine.version)
    if rebuilt is None or (not entries and log.last_index != meta.index):
        # A crash came before the log was reset behind an installed snapshot. What is left of it
        # must go, or the next entries would stand behind ones that contradict the snapshot.
        wal.reset(meta.index)
    state = HardState(0, None) if log.state is None else decode_hard_state(log.state)
    log.records = []  # they may be large, and are held in `entries` now
    return Recovered(RecoveredRaft(state, meta, entries), machine)
