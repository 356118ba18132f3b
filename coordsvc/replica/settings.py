"""What a replica begins with: what its operator chose, and what was found on disk."""

from __future__ import annotations

from dataclasses import dataclass

from coordsvc.base import limits
from coordsvc.raft.messages import MemberInfo
from coordsvc.raft.node import RaftSettings, RecoveredRaft
from coordsvc.replica.compaction import CompactionSettings
from coordsvc.state.machine import StateMachine


@dataclass(frozen=True, slots=True)
class ReplicaSettings:
    """What an operator can choose of a replica's behaviour."""

    raft: RaftSettings
    compaction: CompactionSettings
    lease_reads: bool = False
    """Serve linearizable reads under the leader's lease. Safe only while clocks drift less than
    the bound in `raft`."""
    disk_reserve_bytes: int = limits.DISK_RESERVE_BYTES
    """With less room than this on its disk a member raises an alarm."""
    own: MemberInfo | None = None
    """What this replica tells others of itself; None: nothing, and it is known by name alone."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found on disk."""

    raft: RecoveredRaft
    machine: StateMachine
    """Restored from the snapshot that `raft` names."""
