"""The nodes that ZooKeeper's clients expect."""

from coordsvc.base.vocabulary import codes, ops
from coordsvc.state.special import CONFIG
from coordsvc.state.znode import STAT_CVERSION


def open_zookeeper(cell, password=b"p" * 16):
    return cell.internal(ops.OPEN_ZOOKEEPER, password, 10_000, "zookeeper", "10.0.0.1:5")


def test_they_come_with_the_first_such_client_and_once(cell):
    cell.open()
    assert list(cell.machine.tree.nodes) == ["/"]
    applied = open_zookeeper(cell)
    assert (applied.code, applied.opened) == (codes.OK, (applied.value, b"p" * 16))
    nodes = cell.machine.tree.nodes
    assert sorted(nodes) == ["/", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"]
    assert [event.path for event in applied.events] == list(nodes)[1:]
    assert nodes["/"].stat()[STAT_CVERSION] == -1
    assert nodes["/zookeeper"].stat()[STAT_CVERSION] == -2
    assert nodes["/zookeeper"].czxid == nodes["/"].pzxid == 0
    assert open_zookeeper(cell).events == ()


def test_none_of_them_can_be_deleted_and_nobody_writes_the_configuration(cell):
    session = open_zookeeper(cell).value
    for path in ("/", "/zookeeper", "/zookeeper/quota", CONFIG):
        assert cell.delete(session, path, recursive=True).code == codes.BAD_PATH
    assert cell.set(session, CONFIG, b"mine").code == codes.DENIED
    assert cell.set(session, "/zookeeper/quota").code == codes.OK


def test_a_snapshot_keeps_them(cell, canonical):
    open_zookeeper(cell)
    restored = type(cell.machine).restore(cell.image())
    assert canonical(restored) == canonical(cell.machine)
    assert restored.tree.nodes[CONFIG].acl is cell.machine.tree.nodes[CONFIG].acl
