"""Faults of links overlap, and healing one leaves the others."""

from __future__ import annotations

from tests.sim.links import Delays, Links, between
from tests.sim.world import MS, SECOND, World


def links_of(*hosts: str) -> Links:
    links = Links(World(1))
    for host in hosts:
        links.add_host(host)
    return links


def test_a_link_is_open_when_the_last_cut_is_healed() -> None:
    links = links_of("a", "b")
    one, other = links.cut_pair("a", "b"), links.cut([("a", "b")])
    one.heal()
    one.heal()
    assert not links.is_open(("a", "b"))
    assert links.is_open(("b", "a"))
    other.heal()
    assert links.is_open(("a", "b"))


def test_an_isolated_host_is_cut_from_all_others_only() -> None:
    links = links_of("a", "b", "c")
    links.isolate("a")
    assert not links.is_open(("a", "c"))
    assert not links.is_open(("b", "a"))
    assert links.is_open(("b", "c"))


def test_a_partition_cuts_between_groups_and_leaves_a_bridge() -> None:
    links = links_of("a", "b", "bridge")
    links.partition([["a"], ["b"]])
    assert not links.is_open(("a", "b"))
    assert links.is_open(("a", "bridge"))
    assert links.is_open(("bridge", "b"))


def test_clogs_add_up_and_go() -> None:
    links = links_of("a", "b")
    one, other = links.clog([("a", "b")], SECOND), links.clog([("a", "b")], SECOND)
    assert links.draw_delay(("a", "b")) >= 2 * SECOND
    one.heal()
    other.heal()
    assert links.draw_delay(("a", "b")) < SECOND


def test_a_flapping_link_is_now_open_now_cut_and_open_in_the_end() -> None:
    links = links_of("a", "b")
    flap = links.flap([("a", "b")], chance=links.world.stream("flap"))
    seen = set()
    for _ in range(100):
        links.world.run_for(100 * MS)
        seen.add(links.is_open(("a", "b")))
    assert seen == {True, False}
    flap.heal()
    links.world.run_for(5 * SECOND)
    assert links.is_open(("a", "b"))


def test_listeners_hear_of_every_opening() -> None:
    links, heard = links_of("a", "b"), list[tuple[str, str]]()
    links.notify_healed(heard.append)
    links.cut_pair("a", "b").heal()
    assert heard == [("a", "b"), ("b", "a")]


def test_delays_are_mostly_short_and_sometimes_long() -> None:
    delays = Delays(rare_percent=5)
    chance = World(1).stream("delays")
    drawn = [delays.draw(chance) for _ in range(1000)]
    assert min(drawn) >= delays.least
    assert sorted(drawn)[900] < 2 * delays.usual
    assert max(drawn) > 10 * delays.usual


def test_between_gives_both_directions_of_every_pair() -> None:
    assert between(["a"], ["b", "c"]) == [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")]
