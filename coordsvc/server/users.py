"""Users and their passwords, from a file: lines of `user:password`, or Java's JAAS."""

from __future__ import annotations

import re
from typing import Final

_JAAS_SERVER: Final = re.compile(r"\bServer\s*\{(.*?)\}\s*;", re.DOTALL)
_JAAS_USER: Final = re.compile(r'\buser_(\S+?)\s*=\s*"((?:\\.|[^"\\])*)"')


def users_of(text: str) -> dict[str, str]:
    """Return the passwords by user.

    Of a JAAS file the section `Server` counts, with its `user_NAME="PASSWORD"`. Otherwise each
    line is `user:password`; empty ones and those that begin with # are passed over.

    Raises:
        ValueError: with the line that is wrong.

    """
    section = _JAAS_SERVER.search(text)
    if section is not None:
        return {
            name: re.sub(r"\\(.)", r"\1", password)
            for name, password in _JAAS_USER.findall(section[1])
        }
    users: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not colon or not name or not password:
            raise ValueError(f"line {number} is not user:password")
        if name in users:
            raise ValueError(f"line {number}: {name} is there twice")
        users[name] = password
    return users
