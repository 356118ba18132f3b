"""What holds for every test."""

from hypothesis import settings

# How long an example takes depends on what else the machine does: each test has its timeout.
settings.register_profile("by timeout", deadline=None)
settings.load_profile("by timeout")
