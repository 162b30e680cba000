"""Which edition of a registry file is at hand: its serial number, and the day on which it expires.

Without them, whoever answers in place of a registry's server could go on giving an old file, in which a release that
was withdrawn is still named. The ideas are those of The Update Framework (https://theupdateframework.io: rollback and
freeze attacks).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from zoo.errors import IntegrityError, ReleaseError

__all__ = ["KEYS", "Edition", "edition_of", "next_edition", "refuse_expired", "refuse_rollback"]

KEYS = ("serial", "expires")
"""The keys of an edition in a registry file."""
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Edition:
    """`serial` grows with every change of the file, 0 if it has none; after the day `expires` (UTC) the file is not
    used any more, None if there is no such day."""

    serial: int = 0
    expires: date | None = None


def edition_of(plain: Mapping[str, Any], path: Path) -> Edition:
    """The edition that the plain data of the registry file `path` state. Raises ReleaseError."""
    serial, expires = plain.get("serial", 0), plain.get("expires")
    if type(serial) is not int or not 0 <= serial <= _LARGEST:
        raise ReleaseError(f"{path}: serial {serial!r} is not a whole number of 0 or more"[:200], "Write serial = 1.")
    if expires is not None and (not isinstance(expires, date) or isinstance(expires, datetime)):
        raise ReleaseError(f"{path}: expires {expires!r} is not a date"[:200], "Write expires = 2030-12-31.")
    return Edition(serial, expires)


def refuse_expired(edition: Edition, path: Path | str) -> None:
    """Raise IntegrityError if the registry expired before today."""
    if edition.expires is not None and datetime.now(UTC).date() > edition.expires:
        raise IntegrityError(
            f"registry {path} expired on {edition.expires}: a later edition may have withdrawn releases",
            "Get it again. If you keep it: zoo registry renew FILE",
        )


def refuse_rollback(edition: Edition, before: Edition, url: str, kept: Path) -> None:
    """Raise IntegrityError if the registry at `url` is older than the edition that was fetched `before`, into
    `kept`."""
    if edition.serial < before.serial:
        raise IntegrityError(
            f"registry {url[:200]} is an old edition: its serial is {edition.serial}, and {before.serial} was fetched "
            "before",
            f"Ask who keeps it. If it was begun anew on purpose, remove {kept}.",
        )


def next_edition(text: str, before: Edition, *, expires: date | None = None) -> str:
    """The text of a registry file as its next edition: the serial, if it has one, is one more; with `expires` it has
    both keys."""
    if before.serial or expires is not None:
        text = _with_key(text, "serial", str(before.serial + 1))
    return text if expires is None else _with_key(text, "expires", expires.isoformat())


def _with_key(text: str, key: str, value: str) -> str:
    """The text with a key before its first table, in place of the line that has it or behind that of `format`."""
    table = re.search(r"^[ \t]*\[", text, re.MULTILINE)
    end = len(text) if table is None else table.start()
    head, tables = text[:end], text[end:]
    line = f"{key} = {value}"
    stated = re.compile(rf"^{key}[ \t]*=[ \t]*[0-9_-]+", re.MULTILINE)
    if stated.search(head):
        return stated.sub(line, head, count=1) + tables
    return re.sub(r"^format[ \t]*=.*$", rf"\g<0>\n{line}", head, count=1, flags=re.MULTILINE) + tables
