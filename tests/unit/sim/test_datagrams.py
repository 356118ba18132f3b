"""Datagrams are lost, doubled and overtaken, as often as asked for."""

from __future__ import annotations

from tests.sim.datagrams import Datagrams, Losses
from tests.sim.links import Links
from tests.sim.world import SECOND, Process, World


def sent_hundred(losses: Losses, *, cut: bool = False) -> list[int]:
    world = World(1)
    links = Links(world)
    links.add_host("a")
    links.add_host("b")
    if cut:
        links.cut_pair("a", "b")
    arrived: list[int] = []
    datagrams = Datagrams[int](links, losses=losses)
    datagrams.listen("b", Process(world, "b"), lambda _, number: arrived.append(number))
    for number in range(100):
        datagrams.send("a", "b", number)
    world.run_for(SECOND)
    return arrived


def test_messages_overtake_one_another() -> None:
    arrived = sent_hundred(Losses())
    assert arrived != sorted(arrived)
    assert sorted(arrived) == list(range(100))


def test_messages_are_lost() -> None:
    assert 20 < len(sent_hundred(Losses(lost_percent=50))) < 80


def test_messages_are_doubled() -> None:
    assert len(sent_hundred(Losses(doubled_percent=50))) > 120


def test_a_cut_link_loses_them() -> None:
    assert sent_hundred(Losses(), cut=True) == []


def test_nobody_there_loses_them() -> None:
    world = World(1)
    links = Links(world)
    datagrams = Datagrams[int](links, losses=Losses())
    datagrams.send("a", "b", 1)
    world.run_until_idle(within=SECOND)
