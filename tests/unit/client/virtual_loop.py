"""An event loop whose time jumps to the next timer, so that tests never sleep."""

import asyncio
import functools
import selectors


class JumpingSelector(selectors.DefaultSelector):
    """Advances the loop's time where a real selector would wait."""

    def __init__(self):
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout=None):
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen: the test hangs")
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.jumping = JumpingSelector()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now


def clock_ms():
    """Milliseconds of the running virtual loop."""
    return int(asyncio.get_running_loop().time() * 1000)


def virtual(test):
    """Run an asynchronous test in virtual time."""

    @functools.wraps(test)
    def run(**arguments):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(asyncio.wait_for(test(**arguments), 100_000))

    return run
