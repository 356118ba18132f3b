import json

import pytest

from coordsvc.protocols.zookeeper.operators.commands import COMMANDS, OTHER_NAMES, answer
from coordsvc.protocols.zookeeper.operators.facts import VERSION_TEXT
from tests.unit.protocols.zookeeper.operators.fakefacts import FakeFacts

ALONE = ()


def told(name, **of):
    return json.loads(json.dumps(answer(name, FakeFacts(**of))))


@pytest.mark.parametrize("name", [*COMMANDS, *OTHER_NAMES])
def test_every_command_says_which_it_is_and_that_nothing_went_wrong(name):
    seen = told(name)
    assert (seen["command"], seen["error"]) == (OTHER_NAMES.get(name, name), None)


def test_an_unknown_command_is_named():
    assert told("x") == {"command": "x", "error": "Unknown command: x"}


def test_without_a_leader_there_is_no_service():
    assert told("stat", serving=False) == {
        "command": "stats",
        "error": "This ZooKeeper instance is not currently serving requests",
    }
    assert told("ruok", serving=False) == {"command": "ruok", "error": None}


def test_stats():
    seen = told("stats", mode="leader")
    assert (seen["version"], seen["read_only"], seen["node_count"]) == (VERSION_TEXT, False, 6)
    stats = seen["server_stats"]
    assert (stats["server_state"], stats["last_processed_zxid"]) == ("leader", 31)
    assert (stats["min_latency"], stats["avg_latency"], stats["max_latency"]) == (1, 2.25, 4)
    assert (stats["packets_received"], stats["packets_sent"]) == (9, 8)
    assert stats["num_alive_client_connections"] == 2
    assert seen["proposal_stats"]["max_buffer_size"] == 92
    assert [each["remote_socket_address"] for each in seen["connections"]] == ["127.0.0.1:60108"]
    assert [each["packets_received"] for each in seen["secure_connections"]] == [1]
    follower = told("srvr", read_only=True)
    assert follower["server_stats"]["server_state"] == "read-only"
    assert "proposal_stats" not in follower
    assert "connections" not in follower


def test_connections():
    (seen,) = told("cons")["connections"]
    assert (seen["session_id"], seen["last_operation"], seen["avg_latency"]) == (0x100, "GETC", 2)


def test_monitor_and_configuration():
    assert told("mntr")["znode_count"] == 6
    assert told("conf")["min_session_timeout"] == 4000


def test_who_leads():
    seen = told("lead")
    assert (seen["is_leader"], seen["leader_id"], seen["leader_ip"]) == (False, 3, "10.0.0.3")
    assert told("leader", members=ALONE)["is_leader"]


def test_watches():
    assert told("wchc")["session_id_to_watched_paths"] == {"256": ["/e", "/x"], "512": ["/e"]}
    assert told("wchp")["path_to_session_ids"] == {"/e": [256, 512], "/x": [256]}
    seen = told("wchs")
    assert (seen["num_connections"], seen["num_paths"], seen["num_total_watches"]) == (2, 2, 3)


def test_the_ensemble():
    view = told("voting_view")["current_config"]
    assert sorted(view) == ["1", "2", "3"]
    assert view["2"]["client_address"] == "10.0.0.2:2181"
    state = told("zabstate")
    assert (state["myid"], state["voting"], state["last_zxid"]) == (1, True, "0x1f")
    assert told("zabstate", members=ALONE)["voting"] is False


def test_the_rest():
    assert told("dump")["session_id_to_ephemeral_paths"] == {"256": ["/e", "/f"]}
    assert told("dirs")["logdir_size"] == 20
    assert told("env")["host.name"] == "h"
    assert told("isro")["read_only"] is False
    assert told("lsnp")["zxid"] == "0x10"
    assert told("initial_configuration")["initial_configuration"] == "node = n1\n"


def test_numbers_begin_anew():
    facts = FakeFacts()
    answer("crst", facts)
    answer("stat_reset", facts)
    assert facts.resets == ["connections", "server"]
