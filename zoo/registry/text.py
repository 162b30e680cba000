"""Change the text of a registry file: remove and append tables. Comments and the other tables stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import tomli_w

from zoo._utils.strict_toml import parse_toml
from zoo.config import to_plain
from zoo.errors import ReleaseError
from zoo.registry.edition import next_edition
from zoo.registry.file import LARGEST, Entry, parse_registry

__all__ = ["EMPTY", "rewrite"]

EMPTY = b"format = 1\n"
"""A registry file without entries."""


def rewrite(data: bytes, path: Path, *, removed: Sequence[Entry] = (), added: Sequence[Entry] = ()) -> bytes:
    """The new bytes of the registry file `path`, its next edition. The result is read again: it must have exactly the
    other entries, as they were, and the added ones. Raises ReleaseError if the file is written in a way that would need
    more than that."""
    before = parse_registry(data, path)
    tables = parse_toml(data, largest=LARGEST).get("models", {})  # one table an entry, in the same order
    keys = {key for key, entry in zip(tables, before.entries, strict=True) if entry in removed}
    text = _without(data.decode("utf-8"), keys) if keys else data.decode("utf-8")
    for entry in added:
        text = f"{text.rstrip()}\n\n{tomli_w.dumps({'models': {entry.key: _table(entry)}})}"
    after = next_edition(text, before.edition).encode("utf-8")
    if len(after) > LARGEST:
        raise ReleaseError(f"{path} would have more than {LARGEST:,} bytes", "Use another file: --file")
    wanted = [*(entry for entry in before.entries if entry not in removed), *added]
    try:
        same = list(parse_registry(after, path).entries) == wanted
    except ReleaseError:
        same = False
    if not same:
        raise ReleaseError(f"{path} cannot be changed without changing other entries", "Edit it by hand.")
    return after


def _without(text: str, keys: set[str]) -> str:
    """The text without these tables of `models` and their subtables. A comment above the next table stays."""
    kept: list[str] = []
    comments: list[str] = []
    inside = False
    for line in text.splitlines(keepends=True):
        words = line.strip()
        if words.startswith("["):
            inside = _table_of(words) in keys
        if inside:
            comments = [*comments, line] if not words or words.startswith("#") else []
            continue
        kept += [*comments, line]
        comments = []
    return "".join([*kept, *comments])


def _table_of(header: str) -> str:
    """The model that a table's header, `[models."x"]` or `[models."x".data]`, belongs to; empty for any other line."""
    try:
        models = parse_toml(header.encode("utf-8"), largest=LARGEST).get("models")
    except ValueError:
        return ""
    return next(iter(models), "") if isinstance(models, dict) else ""


def _table(entry: Entry) -> dict[str, Any]:
    """The facts of an entry that its key does not have, without defaults."""
    skipped = ("name", "version", "origin")
    facts = {field.name: (getattr(entry, field.name), field.default) for field in fields(entry)}
    return {key: to_plain(value) for key, (value, default) in facts.items() if key not in skipped and value != default}
