"""Whether this program is compiled, told by where its modules come from."""

from __future__ import annotations

import pytest

from coordsvc.base import paths
from coordsvc.base.compiled import is_compiled


@pytest.mark.parametrize(
    ("file", "compiled"),
    [
        ("coordsvc/base/paths.py", False),
        ("coordsvc/base/paths.cpython-311-x86_64-linux-gnu.so", True),
        ("coordsvc/base/paths.pyd", True),
    ],
)
def test_a_module_that_is_no_source_was_compiled(monkeypatch, file, compiled):
    monkeypatch.setattr(paths, "__file__", file)
    assert is_compiled() is compiled
