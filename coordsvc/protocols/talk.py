"""Talk: a conversation with a client, as the runtime sends for it, whatever language it speaks."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class Talk(Hashable, Protocol):
    """A conversation that has something to send."""

    told: bool
    """Whether it stands among those that are only told of events."""

    def data_to_send(self) -> bytes:
        """Return what has gathered since the last call."""
