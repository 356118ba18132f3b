"""A client of an older version gets from a server of today what it always got."""

import json
from pathlib import Path

import msgpack
import pytest

from coordsvc.base.vocabulary import ops
from tests.integration.cluster import Cluster
from tests.samples.native import answers
from tests.samples.views import plain

pytestmark = pytest.mark.integration
SAMPLES = Path(__file__).parents[1] / "samples"
VERSIONS = sorted(each.parent.name for each in SAMPLES.glob("*/native.json"))


def is_shaped_like(new, old):
    """Tell whether each old field is where it was, with its type; arrays may have grown."""
    if isinstance(old, list):
        return (
            isinstance(new, list)
            and len(new) >= len(old)
            and all(is_shaped_like(n, o) for n, o in zip(new, old, strict=False))
        )
    return type(new) is type(old)


def is_status(row):
    return msgpack.unpackb(bytes.fromhex(row["frame"])[4:])[0] == ops.STATUS


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_bytes_get_the_same_answers(version, tmp_path):
    rows = json.loads((SAMPLES / version / "native.json").read_text("utf-8"))
    sent = [(row["serial"], bytes.fromhex(row["frame"])) for row in rows]
    with Cluster(tmp_path, nodes=1) as cluster:
        for row, got in zip(rows, answers(cluster.plans[0].client_address, sent), strict=True):
            expected = row["answer"]
            if is_status(row):  # its pairs of name and value are found by name
                names = dict(got[3])
                got[3] = [[name, names[name]] for name, _ in expected[3]]
            assert is_shaped_like(plain(got), expected), (got, expected)
            if row["serial"]:
                assert got[1] == expected[1], (got, expected)


def test_an_answer_of_another_shape_is_found_out():
    assert not is_shaped_like([1, None], [1, []])
    assert not is_shaped_like([1], [1, 2])
    assert is_shaped_like([7, [1, 2], "x"], [1, [5]])
