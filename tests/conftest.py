"""What holds for every test."""

import signal

from hypothesis import settings

# How long an example takes depends on what else the machine does: each test has its timeout.
settings.register_profile("by timeout", deadline=None)
settings.load_profile("by timeout")

# A shell that starts the tests in the background has SIGINT ignored, and so would every program
# that they start: none could be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
