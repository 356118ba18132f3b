"""`python -m coordsvc.healthcheck [HOST:PORT]`: exit 0 if the node there is ready, else 1.

For supervisors that ask often, such as Docker: it needs nothing but the standard library, so it
is done in a fraction of the time that the command line takes to start. Without an argument it
asks where COORDSVC_HTTP_ADDRESS says that this node listens.
"""

from __future__ import annotations

import http.client
import os
import sys
from typing import Final

VARIABLE: Final = "COORDSVC_HTTP_ADDRESS"
DEFAULT: Final = "127.0.0.1:8181"
PATH: Final = "/readyz"
TIMEOUT_S: Final = 2.0
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a node that listens on every interface is asked: nobody can connect to "everywhere"."""


def place_of(address: str) -> tuple[str, int]:
    """Return host and port to ask for a node that listens at `address`.

    Raises:
        ValueError: it is not host:port or [ipv6]:port.

    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise ValueError(f"{address!r} is not host:port")
    host = host.removeprefix("[").removesuffix("]")
    return EVERYWHERE.get(host, host), int(port)


def ask(host: str, port: int) -> str:
    """Return what is wrong with the node, as it says itself; the empty string if it is ready."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", PATH)
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from {host}:{port}: {error}"
    finally:
        connection.close()
    return "" if response.status == http.client.OK else text.strip()


def main(arguments: list[str]) -> int:
    """Ask once, say what is wrong, return the exit code."""
    address = arguments[0] if arguments else os.environ.get(VARIABLE) or DEFAULT
    try:
        fault = ask(*place_of(address))
    except ValueError as error:
        fault = str(error)
    sys.stdout.write((fault or "ok") + "\n")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
