"""A part of a simulated day, for every run of the slow tests; `./dev sim --day` is the whole."""

from __future__ import annotations

import pytest

from tests.sim.day import Day, Sample

pytestmark = [pytest.mark.sim, pytest.mark.slow]


def test_a_day_leaves_nothing_behind() -> None:
    day = Day(1, hours=1)
    day.execute()
    assert day.run.finish().faults.total() > 20
    assert len(day.samples) >= 2


def test_what_is_larger_than_it_may_be_is_named() -> None:
    sample = Sample()
    sample.add("ears", 2, 2)
    sample.add("legs", 5, 4)
    assert sample.excess() == ["legs: 5 of at most 4"]
