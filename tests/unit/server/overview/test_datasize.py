import asyncio

from coordsvc.server.overview import datasize
from coordsvc.server.overview.datasize import DataSize, size_of
from coordsvc.state.machine import StateMachine
from coordsvc.state.znode import Znode


def machine_with(count):
    machine = StateMachine()
    for i in range(count):
        machine.tree.nodes[f"/{i}"] = Znode(b"12345" if i else None, 1, 1)
    return machine


async def test_a_small_state_is_counted_on_the_spot():
    machine = machine_with(3)
    assert DataSize().of(machine) == size_of(machine.tree.nodes) == 1 + 3 * 2 + 2 * 5


async def test_a_large_one_is_counted_beside_the_service(monkeypatch):
    monkeypatch.setattr(datasize, "AT_ONCE", 10)
    machine, size = machine_with(95), DataSize()
    assert size.of(machine) == 0
    del machine.tree.nodes["/7"]
    while size.of(machine) == 0:
        await asyncio.sleep(0)
    assert size.of(machine) == size_of(machine.tree.nodes)
    machine.tree.nodes["/new"] = Znode(b"", 1, 1)
    before = size.of(machine)
    assert before < size_of(machine.tree.nodes), "what was counted is fresh for a while"
    await size.close()


async def test_counting_can_be_stopped(monkeypatch):
    monkeypatch.setattr(datasize, "AT_ONCE", 1)
    size = DataSize()
    size.of(machine_with(1000))
    await size.close()
    await DataSize().close()
