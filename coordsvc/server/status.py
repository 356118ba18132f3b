"""What a server tells about itself."""

from __future__ import annotations

from coordsvc import __version__
from coordsvc.base.values import Value
from coordsvc.server.server import Server


def native_status(server: Server) -> Value:
    """Return [[name, value], ...] for the STATUS read."""
    replica = server.replica
    raft, machine = replica.raft, replica.machine
    return [
        ["node", replica.node],
        ["cluster", server.settings.cluster],
        ["version", __version__],
        ["role", raft.role.value],
        ["leader", raft.leader or ""],
        ["term", raft.term],
        ["commit_index", raft.commit],
        ["applied_index", replica.applied],
        ["last_index", raft.last_index],
        ["snapshot_index", raft.snapshot.index],
        ["voters", list(raft.membership.voters)],
        ["learners", list(raft.membership.learners)],
        ["stopping", replica.stopping],
        ["disk_alarm", replica.health.room.refusal],
        ["state_differs", replica.health.differs],
        ["state_version", machine.version],
        ["upgrade_waits_for", list(replica.health.upgrade.waits_for())],
        ["nodes", len(machine.tree)],
        ["sessions", len(machine.sessions.by_id)],
        ["locks", len(machine.locks.by_path)],
        ["watches", len(replica.watches)],
        ["connections", server.counters.client_connections],
        ["pending", replica.desk.pending_count()],
        ["log_bytes", server.wal.bytes_on_disk],
        ["digest", machine.digest],
    ]
