"""Having the kernel find out about connections whose other side is silently gone."""

from __future__ import annotations

import socket


def watch_over(sock: socket.socket | None, *, idle_s: int, interval_s: int, probes: int) -> None:
    """End a connection from which nothing came for `idle_s`, and on no probe either."""
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", idle_s),
        ("TCP_KEEPINTVL", interval_s),
        ("TCP_KEEPCNT", probes),
    ):
        option = getattr(socket, name, None)  # not on every platform
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
