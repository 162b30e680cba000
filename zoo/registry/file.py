"""Parse one registry.toml, format 1, into checked entries. No torch, no network.

format = 1
serial = 12              # may be left out, like the next
expires = 2030-12-31

[models."dcgan.mnist5k@1.0.0"]
source   = "bundled:some_package/releases/dcgan.mnist5k"
manifest = "sha256:..."
parts    = ["autoencoder", "gan"]
data     = { shape = [1, 32, 32], kind = "image" }
code_shape = [64]
license  = "CC-BY-SA-3.0"
default  = true

`serial` grows with every change, `expires` is the last day on which the file is used: see `zoo.registry.edition`. A
table may also be called by the name alone and have a `version`. Several versions of a name are several tables.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo._utils.files import read_regular
from zoo._utils.strict_toml import parse_toml
from zoo.config import from_plain, to_plain
from zoo.errors import ReleaseError
from zoo.registry.edition import KEYS, Edition, edition_of
from zoo.release.names import check_distribution, check_license, check_name, check_pin, check_version
from zoo.types import DataKind, DataSpec, as_code_shape

__all__ = ["LARGEST", "Entry", "RegistryFile", "Sample", "parse_registry", "read_bytes"]

LARGEST = 6_000_000
"""The most bytes of a registry file: some 15,000 entries."""

_FORMAT = 1
_HOLDS = ("autoencoder", "gan")
_SOURCES = (
    re.compile(r"bundled:[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+"),
    re.compile(r"dir:[^\0\\]+"),
    re.compile(r"hub:[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}@[0-9a-f]{40}"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The kind and shape of a model's samples: `image` of shape (C, H, W), `vector` of shape (F,), or `code`."""

    shape: tuple[int, ...]
    kind: DataKind = "image"

    def __post_init__(self) -> None:
        _check_sample(self.shape, self.kind)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a named release: its source and the pin of its zoo.json, which pins every other file.

    `aliases` are other names for the model, which are not listed; `default` makes the arch alone such a name.
    `deprecated` says what to use instead; such an entry loads with a warning and is not listed. `plugins` are the
    distributions that its parts need, without versions; empty if the file does not say. `release` is the name in its
    zoo.json if the registry calls it otherwise. `origin` is the registry file that has the entry.
    """

    name: str
    version: str
    source: str
    manifest: str
    parts: tuple[str, ...]
    data: Sample
    code_shape: tuple[int, ...]
    license: str
    default: bool = False
    aliases: tuple[str, ...] = ()
    deprecated: str = ""
    plugins: tuple[str, ...] = ()
    release: str = ""
    origin: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        check_name(self.name, tagged=True)
        check_version(self.version)
        _check_source(self.source)
        check_pin(self.manifest)
        check_license(self.license)
        for alias in self.aliases:
            check_name(alias)
        if self.release:
            check_name(self.release)
        for plugin in self.plugins:
            check_distribution(plugin)
        if not self.parts or len(set(self.parts)) != len(self.parts) or not set(self.parts) <= set(_HOLDS):
            raise ReleaseError(f"parts {list(self.parts)[:4]} is not allowed", "Allowed: autoencoder, gan, or both.")
        as_code_shape(self.code_shape)

    @property
    def key(self) -> str:
        """`name@version`, its table in the file, and how a command asks for this version."""
        return f"{self.name}@{self.version}"

    def plain(self) -> dict[str, Any]:
        """The entry as plain data, with the path of its file."""
        return to_plain(self) | {"origin": str(self.origin)}

    @property
    def order(self) -> tuple[int, ...]:
        """A sort key: 0.9.0 before 0.10.0."""
        return tuple(map(int, self.version.split(".")))

    @property
    def arch(self) -> str:
        """The name up to the tag."""
        return self.name.partition(".")[0]

    @property
    def all_names(self) -> frozenset[str]:
        """Every name that it can be found by: its own, its aliases, and the arch alone if it is the default."""
        return frozenset((self.name, *self.aliases, self.arch) if self.default else (self.name, *self.aliases))


@dataclass(frozen=True, slots=True)
class RegistryFile:
    """The entries of a registry file, in its order, and its edition."""

    entries: tuple[Entry, ...]
    edition: Edition = field(default_factory=Edition)


def read_bytes(path: Path) -> bytes:
    """The bytes of a registry file, unchecked. Raises ReleaseError if it cannot be read or is too large."""
    try:
        return read_regular(path.resolve(), LARGEST)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", "") or error
        raise ReleaseError(f"{path} cannot be read: {reason}", "Check the path.") from None


def parse_registry(data: bytes, path: Path) -> RegistryFile:
    """The registry in the bytes of the file `path`. Whether it has expired is not checked.

    Raises ReleaseError naming the file, the key, what is wrong and what is allowed.
    """
    try:
        plain = parse_toml(data, largest=LARGEST)
    except ValueError as error:
        raise ReleaseError(f"{path} is not a TOML file: {error}") from None
    if type(plain.get("format")) is not int or plain["format"] != _FORMAT:
        shown = repr(plain.get("format", "none"))[:40]
        raise ReleaseError(f"{path}: format {shown} is unknown", f"Write format = {_FORMAT}, or upgrade Zoo.")
    allowed = ("format", *KEYS, "models")
    unknown = sorted(set(plain) - set(allowed))
    if unknown:
        raise ReleaseError(f"{path}: unknown key {unknown[0][:80]!r}", f"Allowed: {', '.join(allowed)}.")
    tables = plain.get("models", {})
    if not isinstance(tables, dict):
        raise ReleaseError(f"{path}: models is not a table", 'Write each model as [models."arch.tag@1.0.0"].')
    entries: dict[str, Entry] = {}
    for key, table in tables.items():
        entry = _entry(key, table, path)
        if entries.setdefault(entry.key, entry) is not entry:
            raise ReleaseError(f"{path} has {entry.key} twice", "Remove one, or correct its version.")
    return RegistryFile(tuple(entries.values()), edition_of(plain, path))


def _entry(key: str, table: Any, path: Path) -> Entry:
    what = f"{path}: models.{key[:100]!r}"
    if not isinstance(table, dict):
        raise ReleaseError(f"{what} is not a table", 'Write it as [models."arch.tag@1.0.0"], with the quotes.')
    if "latent_dim" in table and "code_shape" not in table:  # the key of flat codes in earlier versions
        others = {name: value for name, value in table.items() if name != "latent_dim"}
        table = others | {"code_shape": [table["latent_dim"]]}
    name, at, version = key.partition("@")
    facts = {"name": name, **({"version": version} if at else {})}
    for own in ("origin", *facts):
        if own in table:
            raise ReleaseError(f"{what}: unknown key {own!r}", "The key of the table has the name, or name@version.")
    if table and all(isinstance(value, dict) for value in table.values()):
        raise ReleaseError(f"{what} holds tables only", 'A dot in a name needs quotes: [models."arch.tag@1.0.0"].')
    # set afterwards: a registry file does not contain its own path
    entry = from_plain(Entry, facts | table, what, error=ReleaseError)
    object.__setattr__(entry, "origin", path)
    return entry


@functools.lru_cache(maxsize=1024)
def _check_sample(shape: tuple[int, ...], kind: DataKind) -> None:
    """Thousands of entries have a few shapes."""
    if DataSpec(shape, kind=kind).kind != kind:
        raise ReleaseError(f"data.shape {list(shape)} is not that of {kind!r}", "A vector is [F].")


def _check_source(source: str) -> None:
    if not any(pattern.fullmatch(source) for pattern in _SOURCES):
        raise ReleaseError(
            f"source {source[:120]!r} is not allowed",
            "Allowed: bundled:package/path, dir:path, hub:org/repo@<40 hex digits>.",
        )
