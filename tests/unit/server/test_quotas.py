"""Telling of soft quotas."""

from coordsvc.base.vocabulary import ops
from coordsvc.server.quotas import QuotaWatch


class Notes:
    def __init__(self):
        self.said = []

    def warning(self, event, **fields):
        self.said.append((event, fields["path"], fields["used"]))

    def info(self, event, **fields):
        self.said.append((event, fields["path"]))


async def test_an_excess_is_told_once_and_so_is_its_end(node):
    place = "/zookeeper/quota/a"
    await node.create("/a", b"12345")
    await node.create(f"{place}/zookeeper_limits", b"count=-1,bytes=4")
    await node.create(f"{place}/zookeeper_stats", b"count=0,bytes=0")
    notes = Notes()
    watch = QuotaWatch(node.server.replica, notes)
    watch.look()
    watch.look()
    assert notes.said == [("quota exceeded", "/a", "bytes 5 of 4")]
    await node.do(ops.SET, "/a", b"1", -1, [])
    watch.look()
    watch.look()
    assert notes.said[1:] == [("quota kept again", "/a")]
