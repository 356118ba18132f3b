"""The words that server and client share: operation numbers, result codes, field names.

A client's mutation goes into the log byte for byte, so its layout belongs to the state machine
as much as to the wire. This is the one door through which the server's rooms take it from the
client's package; `protocols/native` is the other, for framing.
"""

from coordsvc_client.wire import codes, messages, ops

__all__ = ["codes", "messages", "ops"]
