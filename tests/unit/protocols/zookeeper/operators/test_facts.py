import re

import pytest

from coordsvc.protocols.zookeeper import numbers
from coordsvc.protocols.zookeeper.operators import facts
from coordsvc.protocols.zookeeper.operators.facts import short_name_of


def test_the_version_is_read_by_clients_of_all_ages():
    assert re.match(r"3\.(8|9)\.\d+", facts.VERSION)
    assert re.fullmatch(
        r"[A-Za-z0-9.\-]+, built on \d\d/\d\d/\d{4} \d\d:\d\d [A-Za-z0-9:+\-]+", facts.VERSION_TEXT
    )


@pytest.mark.parametrize(
    ("op", "name"),
    [(None, "NA"), (numbers.GET_DATA, "GETD"), (numbers.CREATE2, "CREA"), (77, "UNKN")],
)
def test_operations_have_short_names(op, name):
    assert short_name_of(op) == name


def test_every_operation_but_the_mark_of_errors_has_one():
    for op, name in numbers.OP_NAMES.items():
        if name in {"create", "delete", "exists", "multi", "sync", "ping", "reconfig", "sasl"}:
            assert short_name_of(op) != "UNKN", name
