"""What a server tells about itself."""

from __future__ import annotations

from coordsvc.server.status import native_status
from coordsvc.state import versions


async def test_it_tells_where_it_stands(node):
    session = await node.open_session()
    await node.acquire("/l", session)
    told = dict(native_status(node.server))
    assert (told["node"], told["role"], told["leader"]) == ("n1", "leader", "n1")
    assert told["applied_index"] == told["commit_index"] == node.machine.revision
    assert (told["sessions"], told["locks"], told["nodes"]) == (1, 1, 2)
    assert told["digest"] == node.machine.digest
    assert (told["disk_alarm"], told["state_differs"]) == ("", False)
    assert (told["state_version"], told["upgrade_waits_for"]) == (versions.NEWEST, [])
    node.server.replica.measured(0)
    assert "n1" in dict(native_status(node.server))["disk_alarm"]
