"""Kinds of values that options have: how each is read from text, and what it accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from coordsvc.protocols.zookeeper.operators.words import WORDS
from coordsvc.server.addresses import NODE_NAME, Address, Member, address_of, members_of
from coordsvc.server.users import users_of

T_co = TypeVar("T_co", covariant=True)

SECRET_LENGTH_MIN: Final = 16
SHA1_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{27}=")


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """A kind of value: how it is read from text, and how a person is told what it accepts."""

    metavar: str
    accepts: str
    parse: Callable[[str], T_co]
    """Raises ValueError for what is not accepted."""
    is_switch: bool = False


def _parse_name(text: str) -> str:
    if NODE_NAME.fullmatch(text) is None:
        raise ValueError("not a name")
    return text


def _parse_optional_address(text: str) -> Address | None:
    return address_of(text) if text else None


def _parse_folder(text: str) -> Path:
    if not text:
        raise ValueError("no path")
    return Path(text).expanduser()


def _parse_digest(text: str) -> str:
    user, _, digest = text.partition(":")
    if text and not (user and SHA1_BASE64.fullmatch(digest)):
        raise ValueError("not a user and a digest")
    return text


def _parse_file(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _parse_password(text: str) -> str:
    if not text:
        return ""
    try:
        return Path(text).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read: {error}") from error


def _parse_secret(text: str) -> str:
    """Return what the file named `text` holds; the secret itself is in no setting."""
    secret = _parse_password(text)
    if text and (
        len(secret) < SECRET_LENGTH_MIN or not secret.isascii() or not secret.isprintable()
    ):
        raise ValueError("its content is too short, or not printable ASCII")
    return secret


def _parse_users(text: str) -> Mapping[str, str]:
    return users_of(_parse_password(text))


def _parse_names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(";") if part.strip())


def _parse_number(text: str, *, least: int, most: int) -> int:
    digits = text.replace("_", "")
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("not a whole number")
    number = int(digits)
    if not least <= number <= most:
        raise ValueError("out of range")
    return number


_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "": 1}
_TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")


def _parse_millis(text: str, *, least: int, most: int) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    millis = round(float(found[1]) * _UNITS[found[2]])
    if not least <= millis <= most:
        raise ValueError("out of range")
    return millis


_SWITCH: Final = {"true": True, "yes": True, "on": True, "1": True} | {
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _parse_words(text: str) -> frozenset[str]:
    words = {part.strip() for part in text.split(",") if part.strip()}
    if "*" in words:
        return frozenset(WORDS)
    unknown = sorted(words - WORDS.keys())
    if unknown:
        raise ValueError(f"{unknown[0]} is no such word")
    return frozenset(words)


def _parse_switch(text: str) -> bool:
    try:
        return _SWITCH[text.lower()]
    except KeyError:
        raise ValueError("neither true nor false") from None


def _parse_choice(text: str, *, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ValueError("not one of them")
    return text


def number(least: int, most: int) -> Kind[int]:
    """Return the kind of whole numbers within these bounds."""
    accepts = f"a whole number from {least} to {most}"
    return Kind("N", accepts, partial(_parse_number, least=least, most=most))


def millis(least: int, most: int) -> Kind[int]:
    """Return the kind of times within these bounds, in ms."""
    accepts = f"a time from {least}ms to {most}ms, such as {least}, 250ms or 2s"
    return Kind("TIME", accepts, partial(_parse_millis, least=least, most=most))


def choice(*choices: str) -> Kind[str]:
    """Return the kind that is one of these words."""
    return Kind(
        "|".join(choices), "one of " + ", ".join(choices), partial(_parse_choice, choices=choices)
    )


NAME: Final = Kind("NAME", "up to 64 letters, digits, dots, dashes and underscores", _parse_name)
ADDRESS: Final = Kind("HOST:PORT", "host:port or [ipv6]:port", address_of)
REACHED_AT: Final = Kind(
    "HOST:PORT", "host:port or [ipv6]:port, or nothing", _parse_optional_address
)
FOLDER: Final = Kind("FOLDER", "a path", _parse_folder)
SECRET: Final = Kind(
    "FILE", "a file that holds 16 or more printable characters, or nothing", _parse_secret
)
SWITCH: Final = Kind("BOOL", "true or false", _parse_switch, is_switch=True)
FILE: Final = Kind("FILE", "a path, or nothing", _parse_file)
PASSWORD: Final = Kind("FILE", "a file that can be read, or nothing", _parse_password)
USERS: Final = Kind("FILE", "a file of user:password lines, or nothing", _parse_users)
NAMES: Final = Kind("LIST", "names separated by semicolons", _parse_names)
WORD_LIST: Final = Kind("LIST", f"words of {', '.join(WORDS)}, or *, or nothing", _parse_words)
DIGEST: Final = Kind(
    "USER:DIGEST", "a user, `:`, and the base64 of the SHA-1 of user:password", _parse_digest
)
MEMBERS: Final[Kind[tuple[Member, ...]]] = Kind(
    "LIST",
    "name=host[:peer][/client[/http]],... such as n1=10.0.0.1:2281/2181/8181,n2=10.0.0.2",
    members_of,
)
