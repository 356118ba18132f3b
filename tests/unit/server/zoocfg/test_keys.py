from collections import Counter
from pathlib import Path

import pytest

from coordsvc.server.zoocfg.keys import KEYS, Fate, key_of, table

PAGE = Path(__file__).parents[4] / "docs" / "zookeeper-operators.md"


def test_every_key_is_there_once_and_has_its_reason():
    counts = Counter(key.name for key in KEYS)
    assert counts.most_common(1)[0][1] == 1
    assert all(key.text for key in KEYS)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("dataDir", "dataDir"),
        ("server.12", "server.*"),
        ("autopurge.purgeInterval", "autopurge.*"),
        ("ssl.quorum.keyStore.location", "ssl.quorum.*"),
        ("ssl.keyStore.location", "ssl.keyStore.location"),
        ("ssl.ciphersuites", "ssl.*"),
        ("datadir", None),
    ],
)
def test_the_longest_name_that_fits_is_the_key(name, known):
    key = key_of(name)
    assert (key.name if key is not None else None) == known


def test_every_fate_is_in_use():
    assert {key.fate for key in KEYS} == set(Fate)


def test_the_page_for_operators_shows_the_table_as_it_is():
    assert table() in PAGE.read_text(), "write what keys.table() returns into docs"
