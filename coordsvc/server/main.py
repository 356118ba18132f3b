"""Runs a server from its settings until a signal or a fatal error."""

from __future__ import annotations

import asyncio
import gc
import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Final

from coordsvc.base.errors import Fatal
from coordsvc.base.ports import Logger
from coordsvc.server import allocator, descriptors, logs
from coordsvc.server.config import Settings
from coordsvc.server.notify import READY, STOPPING, notify
from coordsvc.server.overview import Overview
from coordsvc.server.server import Server, listening
from coordsvc.server.status import native_status

EXIT_FATAL: Final = 70
LED_S_MAX: Final = 1.0
LED_POLL_S: Final = 0.02


async def serve(settings: Settings, log: Logger) -> int:
    """Run one node until a signal or a fatal error; return the exit code."""
    loop = asyncio.get_running_loop()
    server = Server(settings, log)
    server.hall.status = lambda: native_status(server)
    overview = Overview(server)
    overview.attach()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.request_stop)
    try:
        await server.start()
        # What HTTP needs takes longer to load than all the rest: consensus need not wait for it,
        # nor share a processor with it while a leader is sought.
        await _led(server)
        http = await loop.run_in_executor(None, importlib.import_module, "coordsvc.server.admin")
        admin = http.AdminSite(server, overview)
        gc.freeze()
        for listen, address, option in (
            (admin.listen, settings.http_address, "http-address"),
            (
                admin.listen_for_commands,
                settings.zookeeper_admin_address,
                "zookeeper-admin-address",
            ),
            (
                admin.listen_for_metrics,
                settings.zookeeper_metrics_address,
                "zookeeper-metrics-address",
            ),
        ):
            if address is not None:
                await listening(listen(address.host, address.port), address, option)
    except BaseException:
        await server.stop()
        raise
    notify(READY)
    error = await server.stopped
    notify(STOPPING)
    if error is None:
        await server.stop()
    await admin.close()
    await overview.data_size.close()
    if error is not None:
        return EXIT_FATAL
    log.info("stopped")
    return 0


async def _led(server: Server) -> None:
    """Wait until a leader is known and what it decided is applied here, but not for long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + LED_S_MAX
    replica = server.replica
    while replica.raft.leader is None or replica.applied < replica.raft.commit:
        if loop.time() > until or server.stopped.done():
            return
        await asyncio.sleep(LED_POLL_S)


def run(settings: Settings, warnings: Sequence[str] = ()) -> int:
    """Run one node; return the exit code of the process.

    0: stopped by a signal. 70: it had to stop (failed disk, corrupt data, broken invariant).

    Args:
        settings: how it is to run.
        warnings: what a zoo.cfg asked for and does not get; they are logged.

    Raises:
        SetupError: it cannot start like this; the text says what to do.

    """
    log = logs.set_up(
        level=settings.log_level, form=settings.log_format, node=settings.node, stream=sys.stderr
    )
    for warning in warnings:
        log.warning("zoo.cfg", notice=warning)
    allocator.give_back_what_is_freed()
    descriptors.raise_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            return runner.run(serve(settings, log))
        except Fatal as error:
            log.error("this node cannot run", reason=str(error))  # noqa: TRY400 - says all
            return EXIT_FATAL


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - not there on every platform

    return uvloop.Loop
