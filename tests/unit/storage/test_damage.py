"""Damage has a place."""

from coordsvc.base.errors import CorruptData
from coordsvc.storage.damage import Damaged


def test_damage_says_where_it_is_and_what_to_do():
    damage = Damaged("/x/1.log", 64, "a record fails its checksum", ". Do this.")
    assert isinstance(damage, CorruptData)
    assert str(damage) == "/x/1.log: damaged at byte 64: a record fails its checksum. Do this."
    assert (damage.place, damage.offset, damage.what) == (
        "/x/1.log", 64, "a record fails its checksum",
    )  # fmt: skip
