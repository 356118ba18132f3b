import pytest

from coordsvc.base.errors import SetupError
from coordsvc.server.config import resolve
from coordsvc.server.zoocfg import read


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "myid").write_text("2\n")
    return tmp_path


def written(folder, text):
    file = folder / "zoo.cfg"
    file.write_text(f"dataDir={folder}/data\n{text}")
    return file


def test_the_number_of_a_server_is_read_beside_its_data(folder):
    file = written(folder, "clientPort=2181\nserver.1=a:1:2\nserver.2=b:1:2\n")
    assert read(file).options["node"] == "n2"


def test_the_members_may_stand_in_a_file_of_their_own(folder):
    dynamic = folder / "zoo.cfg.dynamic.100000000"
    dynamic.write_text("server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant;2182\n")
    result = read(written(folder, f"dynamicConfigFile={dynamic}\n"))
    assert result.faults == []
    assert result.options["client-address"] == "0.0.0.0:2182"


def test_members_do_not_stand_in_both_files(folder):
    dynamic = folder / "dynamic"
    dynamic.write_text("server.2=b:1:2;2182\n")
    result = read(written(folder, f"dynamicConfigFile={dynamic}\nserver.1=a:1:2;1\n"))
    assert result.faults[0] == "server.1 belongs into the file that dynamicConfigFile names"


def test_data_of_zookeeper_are_told_not_to_be_read(folder):
    (folder / "data" / "version-2").mkdir()
    assert "are not read" in read(written(folder, "clientPort=1\n")).warnings[-1]


def test_a_file_that_cannot_be_read_is_told(folder):
    with pytest.raises(SetupError, match="none: cannot be read: No such file"):
        read(folder / "none")
    (folder / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(SetupError, match="is not text"):
        read(folder / "odd")


def test_it_is_the_weakest_source_of_settings(folder):
    file = written(folder, "clientPort=2181\nclientPortAddress=127.0.0.1\n")
    resolved = resolve(flags={"client-address": "127.0.0.1:9"}, environment={}, zoo_cfg=file)
    assert resolved.settings.client_address.port == 9
    assert resolved.settings.data_dir == folder / "data" / "coordsvc"
    toml = folder / "coordsvc.toml"
    toml.write_text('node = "from-toml"\n')
    both = resolve(flags={}, environment={}, file=toml, zoo_cfg=file)
    assert both.settings.node == "from-toml"
    assert {choice.origin for choice in both.choices} == {"default", str(toml), str(file)}


def test_its_faults_are_told_with_all_others(folder):
    with pytest.raises(SetupError) as caught:
        resolve(flags={"node": "a b"}, environment={}, zoo_cfg=written(folder, "sslQuorum=true\n"))
    first, second, third = str(caught.value).splitlines()
    assert first.startswith(f"{folder}/zoo.cfg: sslQuorum = true: members do not speak TLS")
    assert second == f"{folder}/zoo.cfg: clientPort is not set"
    assert third.startswith("node = 'a b' (--node)")
