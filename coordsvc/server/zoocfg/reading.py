"""Reads zoo.cfg and the files it names."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from coordsvc.base.errors import SetupError
from coordsvc.server.zoocfg.properties import parse
from coordsvc.server.zoocfg.translation import Translation, translate

MYID: Final = "myid"
ZOOKEEPER_DATA: Final = "version-2"
_MEMBER_KEYS: Final = ("server.", "group.", "weight.")


def read(file: Path) -> Translation:
    """Read a zoo.cfg, its dynamic file, and myid.

    Raises:
        SetupError: a file cannot be read.

    """
    pairs = parse(_text_of(file))
    dynamic = pairs.get("dynamicConfigFile")
    faults: list[str] = []
    if dynamic is not None:
        faults = [
            f"{name} belongs into the file that dynamicConfigFile names"
            for name in pairs
            if name.startswith(_MEMBER_KEYS)
        ]
        pairs |= parse(_text_of(Path(dynamic)))
        pairs.pop("version", None)
    folder = Path(pairs["dataDir"]) if "dataDir" in pairs else None
    my_id = _my_id_in(folder) if folder is not None else None
    result = translate(pairs, my_id=my_id, hostname=socket.gethostname())
    result.faults[:0] = faults
    if folder is not None and (folder / ZOOKEEPER_DATA).exists():
        result.warn(
            f"{folder / ZOOKEEPER_DATA} holds the data of a ZooKeeper server, which are not read: "
            "copy them from a running ZooKeeper"
        )
    return result


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: is not text: {error}") from error


def _my_id_in(folder: Path) -> str | None:
    file = folder / MYID
    return _text_of(file).strip() if file.exists() else None
