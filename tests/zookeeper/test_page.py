"""The table of operations in the documents is made from what is tested."""

from __future__ import annotations

from tests.zookeeper import page
from tests.zookeeper.differences import DIFFERENCES
from tests.zookeeper.operations import OPERATIONS
from tests.zookeeper.script import scripts


def test_the_page_is_up_to_date():
    text = page.PAGE.read_text()
    assert page.updated(text) == text, "run: python -m tests.zookeeper.page"


def test_every_operation_is_listed_and_has_a_case():
    assert page.CALLED.keys() == OPERATIONS.keys() | {"connect"}
    used = {name for script in scripts() for case in script.cases for name in case.words()}
    assert used == page.CALLED.keys()


def test_a_difference_is_told_with_an_operation_or_below_the_table():
    text = page.PAGE.read_text()
    assert [each.reason for each in DIFFERENCES if each.reason not in text] == []
