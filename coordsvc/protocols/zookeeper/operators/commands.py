"""Admin commands: ZooKeeper's HTTP answers, as JSON objects. Source: a ZooKeeper 3.8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from coordsvc.protocols.zookeeper.operators.facts import (
    LEADER,
    VERSION_TEXT,
    ConnectionFacts,
    Facts,
    MemberFacts,
    ServerFacts,
    short_name_of,
)
from coordsvc.protocols.zookeeper.operators.words import by_path

Json: TypeAlias = dict[str, object]


def answer(name: str, facts: Facts) -> Json:
    """Return the answer to a command by its name or one of its other names."""
    full = OTHER_NAMES.get(name, name)
    command = COMMANDS.get(full)
    if command is None:
        return {"command": name, "error": f"Unknown command: {name}"}
    if full not in _ALWAYS and not facts.is_serving:
        return {
            "command": full,
            "error": "This ZooKeeper instance is not currently serving requests",
        }
    return {**command(facts), "command": full, "error": None}


def _nothing(_facts: Facts) -> Json:
    return {}


def _server_stats(facts: Facts) -> Json:
    server = facts.server()
    data_bytes, log_bytes = facts.folder_sizes()
    stats: Json = {
        "packets_sent": server.sent,
        "packets_received": server.received,
        "fsync_threshold_exceed_count": 0,
        "client_response_stats": _NO_RESPONSES,
        "provider_null": False,
        "server_state": _state_of(server),
        "outstanding_requests": server.outstanding,
        "min_latency": server.latency.least,
        "avg_latency": round(server.latency.average, 4),
        "max_latency": server.latency.most,
        "data_dir_size": data_bytes,
        "log_dir_size": log_bytes,
        "last_processed_zxid": server.zxid,
        "num_alive_client_connections": server.connections,
        "auth_failed_count": 0,
        "non_mtlsremote_conn_count": 0,
        "non_mtlslocal_conn_count": 0,
        "uptime": server.uptime_ms,
    }
    whole: Json = {
        "version": VERSION_TEXT,
        "read_only": server.read_only,
        "server_stats": stats,
        "client_response": _NO_RESPONSES,
        "node_count": server.node_count,
    }
    if server.mode == LEADER:
        last, least, most = server.proposal_sizes
        whole["proposal_stats"] = {
            "last_buffer_size": last,
            "min_buffer_size": least,
            "max_buffer_size": most,
        }
    return whole


_NO_RESPONSES: Final = {"last_buffer_size": -1, "min_buffer_size": -1, "max_buffer_size": -1}
"""Sizes of single answers are not measured; ZooKeeper says -1 before the first."""


def _state_of(server: ServerFacts) -> str:
    return "read-only" if server.read_only else server.mode


def _stats(facts: Facts) -> Json:
    connections = facts.connections()
    return {
        **_server_stats(facts),
        "connections": [_counts(each) for each in connections if not each.secure],
        "secure_connections": [_counts(each) for each in connections if each.secure],
    }


def _connections(facts: Facts) -> Json:
    connections = facts.connections()
    return {
        "connections": [_details(each) for each in connections if not each.secure],
        "secure_connections": [_details(each) for each in connections if each.secure],
    }


def _counts(each: ConnectionFacts) -> Json:
    return {
        "remote_socket_address": each.address,
        "interest_ops": 1,
        "outstanding_requests": each.queued,
        "packets_received": each.received,
        "packets_sent": each.sent,
    }


def _details(each: ConnectionFacts) -> Json:
    return {
        **_counts(each),
        "session_id": each.session,
        "last_operation": short_name_of(each.last_op),
        "established": each.established_ms,
        "session_timeout": each.timeout_ms,
        "last_cxid": each.last_xid,
        "last_zxid": each.last_zxid,
        "last_response_time": each.last_response_ms,
        "last_latency": each.last_latency_ms,
        "min_latency": each.latency.least,
        "avg_latency": round(each.latency.average),
        "max_latency": each.latency.most,
    }


def _monitor(facts: Facts) -> Json:
    return dict(facts.monitor())


_CONFIGURATION: Final = {
    "client_port": "clientPort",
    "data_dir": "dataDir",
    "data_log_dir": "dataLogDir",
    "tick_time": "tickTime",
    "max_client_cnxns": "maxClientCnxns",
    "min_session_timeout": "minSessionTimeout",
    "max_session_timeout": "maxSessionTimeout",
    "server_id": "serverId",
    "client_port_listen_backlog": "clientPortListenBacklog",
}


def _configuration(facts: Facts) -> Json:
    numbers = facts.configuration()
    return {ours: numbers[theirs] for ours, theirs in _CONFIGURATION.items()}


def _dump(facts: Facts) -> Json:
    sessions = facts.sessions()
    return {
        "expiry_time_to_session_ids": {},
        "session_id_to_ephemeral_paths": {
            str(each.id): list(each.ephemerals) for each in sessions if each.ephemerals
        },
    }


def _environment(facts: Facts) -> Json:
    return dict(facts.environment())


def _is_read_only(facts: Facts) -> Json:
    return {"read_only": facts.server().read_only}


def _leader(facts: Facts) -> Json:
    leader, own = facts.leader(), facts.own()
    if leader is None or own is None:
        return {"is_leader": True, "leader_id": 0, "leader_ip": ""}
    return {
        "is_leader": leader.number == own.number,
        "leader_id": leader.number,
        "leader_ip": _host_of(leader.peer),
    }


def _watches(facts: Facts) -> Json:
    watches = facts.watches().items()
    return {"session_id_to_watched_paths": {str(each): list(paths) for each, paths in watches}}


def _watches_by_path(facts: Facts) -> Json:
    return {"path_to_session_ids": by_path(facts.watches())}


def _watch_summary(facts: Facts) -> Json:
    watches = facts.watches()
    return {
        "num_connections": len(watches),
        "num_paths": len(by_path(watches)),
        "num_total_watches": sum(map(len, watches.values())),
    }


def _dirs(facts: Facts) -> Json:
    data_bytes, log_bytes = facts.folder_sizes()
    return {"datadir_size": data_bytes, "logdir_size": log_bytes}


def _voting_view(facts: Facts) -> Json:
    voters = [each for each in facts.members() if each.role == "participant"]
    return {"current_config": {str(each.number): _member(each) for each in voters}}


def _member(each: MemberFacts) -> Json:
    return {
        "server_addresses": [each.peer],
        "election_addresses": [each.peer],
        "client_address": each.client,
        "learner_type": each.role,
    }


def _zabstate(facts: Facts) -> Json:
    own, leader = facts.own(), facts.leader()
    if own is None:
        return {"voting": False, "zabstate": ""}
    zxid = facts.server().zxid
    return {
        "myid": own.number,
        "is_leader": leader is not None and leader.number == own.number,
        "client_address": own.client,
        "voting": own.role == "participant",
        "last_zxid": f"{zxid:#x}",
        "zab_epoch": zxid >> 32,
        "zab_counter": zxid & 0xFFFFFFFF,
        "zabstate": "broadcast",
    }


def _last_snapshot(facts: Facts) -> Json:
    revision, seconds = facts.last_snapshot()
    return {"zxid": f"{revision:#x}", "timestamp": seconds}


def _initial_configuration(facts: Facts) -> Json:
    return {"initial_configuration": facts.initial_configuration()}


def _system_properties(facts: Facts) -> Json:
    return dict(facts.environment())


def _reset_connections(facts: Facts) -> Json:
    facts.reset_connections()
    return {}


def _reset_server(facts: Facts) -> Json:
    facts.reset_server()
    return {}


def _host_of(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


COMMANDS: Final[Mapping[str, Callable[[Facts], Json]]] = {
    "configuration": _configuration,
    "connection_stat_reset": _reset_connections,
    "connections": _connections,
    "dirs": _dirs,
    "dump": _dump,
    "environment": _environment,
    "initial_configuration": _initial_configuration,
    "is_read_only": _is_read_only,
    "last_snapshot": _last_snapshot,
    "leader": _leader,
    "monitor": _monitor,
    "ruok": _nothing,
    "server_stats": _server_stats,
    "stat_reset": _reset_server,
    "stats": _stats,
    "system_properties": _system_properties,
    "voting_view": _voting_view,
    "watch_summary": _watch_summary,
    "watches": _watches,
    "watches_by_path": _watches_by_path,
    "zabstate": _zabstate,
}
OTHER_NAMES: Final = {
    "conf": "configuration",
    "config": "configuration",
    "crst": "connection_stat_reset",
    "cons": "connections",
    "env": "environment",
    "envi": "environment",
    "isro": "is_read_only",
    "lead": "leader",
    "lsnp": "last_snapshot",
    "mntr": "monitor",
    "srvr": "server_stats",
    "srst": "stat_reset",
    "stat": "stats",
    "wchc": "watches",
    "wchp": "watches_by_path",
    "wchs": "watch_summary",
}
CHANGING: Final = frozenset({"connection_stat_reset", "stat_reset"})
"""Commands that change something, if only numbers."""
_ALWAYS: Final = frozenset({"ruok", "environment", "system_properties", "initial_configuration"})
