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
        ["voters", list(raft.membership.voters)],
        ["nodes", len(machine.tree)],
        ["sessions", len(machine.sessions.by_id)],
        ["connections", server.counters.client_connections],
        ["log_bytes", server.wal.bytes_on_disk],
        ["digest", machine.digest],
    ]
