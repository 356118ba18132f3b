import dataclasses
from pathlib import Path

import pytest

from coordsvc.base.errors import SetupError
from coordsvc.server.addresses import Address
from coordsvc.server.config import Settings, resolve
from coordsvc.server.options import OPTIONS


def faults(**sources):
    with pytest.raises(SetupError) as caught:
        resolve(**{"flags": {}, "environment": {}, **sources})
    return str(caught.value).splitlines()


def settings(*, environment=None, file=None, **flags) -> Settings:
    given = {name.replace("_", "-"): value for name, value in flags.items()}
    return resolve(flags=given, environment=environment or {}, file=file).settings


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "coordsvc.toml"
    file.write_text(text)
    return file


def test_every_option_becomes_the_setting_of_its_name():
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert fields == {option.name.removesuffix("-file").replace("-", "_") for option in OPTIONS}


def test_without_any_source_a_node_is_alone_on_loopback():
    alone = settings()
    assert [str(member) for member in alone.members] == ["n1=127.0.0.1:2281/2181/8181"]
    assert alone.advertise_client == alone.client_address == Address("127.0.0.1", 2181)
    assert not alone.insecure


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default(tmp_path):
    file = written(tmp_path, 'node = "f"\ncluster = "f"\nelection-ms = 2000\n')
    resolved = resolve(
        flags={"node": "x"},
        environment={"COORDSVC_NODE": "e", "COORDSVC_CLUSTER": "e", "PATH": "/bin"},
        file=file,
    )
    s = resolved.settings
    assert (s.node, s.cluster, s.election_ms, s.heartbeat_ms) == ("x", "e", 2000, 100)
    origins = {choice.option.name: choice.origin for choice in resolved.choices}
    assert origins["node"] == "--node"
    assert origins["cluster"] == "COORDSVC_CLUSTER"
    assert origins["election-ms"] == str(file)
    assert origins["heartbeat-ms"] == "default"
    assert list(origins) == [option.name for option in OPTIONS]


def test_the_file_can_be_named_by_a_variable(tmp_path):
    file = written(tmp_path, 'node = "n7"\n')
    assert settings(environment={"COORDSVC_CONFIG": str(file)}).node == "n7"


def test_the_file_may_use_lists_numbers_and_truth(tmp_path):
    file = written(tmp_path, 'members = ["n1=a", "n2=b"]\nheartbeat-ms = 50\nlease-reads = true\n')
    s = settings(file=file)
    assert [m.name for m in s.members] == ["n1", "n2"]
    assert (s.heartbeat_ms, s.lease_reads) == (50, True)


def test_a_typo_in_the_file_is_a_fault_that_names_the_right_word(tmp_path):
    file = written(tmp_path, "hartbeat_ms = 50\nelection-ms = {a = 1}\nzzz = 1\n")
    found = faults(file=file)
    assert found[0] == f"key hartbeat_ms in {file}: unknown; did you mean heartbeat-ms?"
    assert found[1].startswith(f"election-ms ({file}): a dict is not a value; accepted is a time")
    assert found[2] == f"key zzz in {file}: unknown"


def test_a_file_that_is_not_there_or_no_toml_is_a_fault(tmp_path):
    assert "No such file" in faults(file=tmp_path / "none")[0]
    assert "not TOML" in faults(file=written(tmp_path, "= 1"))[0]


def test_a_typo_in_a_variable_is_a_fault_that_names_the_right_one():
    assert faults(environment={"COORDSVC_HARTBEAT_MS": "1"}) == [
        "variable COORDSVC_HARTBEAT_MS: unknown; did you mean COORDSVC_HEARTBEAT_MS?"
    ]


def test_variables_of_the_tools_and_of_container_links_are_left_alone():
    settings(
        environment={
            "COORDSVC_ENDPOINTS": "x",
            "COORDSVC_SERVICE_HOST": "10.0.0.1",
            "COORDSVC_SERVICE_PORT_CLIENT": "2181",
            "COORDSVC_PORT": "tcp://10.0.0.1:2181",
            "COORDSVC_PORT_2181_TCP_ADDR": "10.0.0.1",
            "COORDSVC_HEADLESS_SERVICE_HOST": "10.0.0.1",
        }
    )


def test_a_bad_value_names_the_option_the_source_and_what_is_accepted():
    (fault,) = faults(environment={"COORDSVC_ELECTION_MS": "5x"})
    assert fault == (
        "election-ms = '5x' (COORDSVC_ELECTION_MS): not a time; "
        "accepted is a time from 20ms to 60000ms, such as 20, 250ms or 2s"
    )


def test_all_faults_are_told_together():
    assert len(faults(flags={"node": "a b", "log-level": "loud", "members": "n1"})) == 3


def test_off_loopback_a_node_wants_insecure():
    (fault,) = faults(flags={"client-address": "10.0.0.1:2181", "http-address": "node:8181"})
    assert fault.startswith("client-address 10.0.0.1:2181, http-address node:8181: reachable")
    assert "--insecure" in fault
    assert settings(client_address="10.0.0.1:2181", insecure="true").insecure


def test_a_node_that_listens_everywhere_says_where_it_is_reached():
    everywhere = {"peer_address": "0.0.0.0:2281", "insecure": "true"}
    (fault,) = faults(flags={k.replace("_", "-"): v for k, v in everywhere.items()})
    assert "advertise-peer" in fault
    reached = settings(**everywhere, advertise_peer="10.0.0.1:2281")
    assert str(reached.members[0].peer) == "10.0.0.1:2281"
    listed = settings(**everywhere, members="n1=10.0.0.1,n2=10.0.0.2")
    assert str(listed.advertise_peer) == "10.0.0.1:2281"


def test_what_a_node_advertises_itself_replaces_its_entry_among_the_members():
    s = settings(members="n1=a,n2=b", advertise_client="c:1")
    assert str(s.members[0].client) == "c:1"
    assert str(s.members[0].peer) == "a:2281"


def test_a_node_is_one_of_the_members():
    (fault,) = faults(flags={"node": "n3", "members": "n1=a,n2=b"})
    assert fault == "node n3 is not among the members n1, n2: set node or members"


def test_an_election_waits_for_several_heartbeats():
    (fault,) = faults(flags={"heartbeat-ms": "100", "election-ms": "299"})
    assert "three times" in fault
    assert settings(heartbeat_ms="100", election_ms="300").election_ms == 300


@pytest.mark.parametrize("name", ["session-timeout-min-ms", "session-timeout-max-ms"])
def test_the_default_session_timeout_lies_between_its_bounds(name):
    value = "20s" if "min" in name else "5s"
    (fault,) = faults(flags={name: value})
    assert fault.startswith("session-timeout-ms 10000 must lie between")


def test_two_doors_do_not_share_a_port_unless_any_port_will_do():
    (fault,) = faults(flags={"client-address": "127.0.0.1:8181"})
    assert "must differ" in fault
    settings(client_address="127.0.0.1:0", peer_address="127.0.0.1:0")
