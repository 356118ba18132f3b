"""Benchmarks: `./dev bench [SUBJECT]`. Three real nodes on this machine, with syncs to disk."""

from __future__ import annotations

import sys

from tests.bench.command import main

sys.exit(main())
