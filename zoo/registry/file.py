"""Parse one registry.toml, format 1, into checked entries. No torch, no network.

format = 1

[models."dcgan.mnist5k"]
version  = "1.0.0"
source   = "bundled:some_package/releases/dcgan.mnist5k"
manifest = "sha256:..."
parts    = ["autoencoder", "gan"]
data     = { shape = [1, 32, 32], kind = "image" }
code_shape = [64]
license  = "CC-BY-SA-3.0"
default  = true
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from zoo._utils.files import read_regular
from zoo.config import from_plain
from zoo.errors import ReleaseError
from zoo.release.names import check_license, check_name, check_pin, check_version
from zoo.types import as_code_shape

__all__ = ["Entry", "Sample", "read_registry"]

_FORMAT = 1
_LARGEST = 1_000_000
_HOLDS = ("autoencoder", "gan")
_SOURCES = (
    re.compile(r"bundled:[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z0-9][A-Za-z0-9._-]*)+"),
    re.compile(r"dir:[^\0\\]+"),
    re.compile(r"hub:[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}@[0-9a-f]{40}"),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """The kind and shape of a model's samples: `image` of shape (C, H, W) or `vector` of shape (F,)."""

    shape: tuple[int, ...]
    kind: Literal["image", "vector"] = "image"

    def __post_init__(self) -> None:
        if len(self.shape) != (3 if self.kind == "image" else 1) or any(n < 1 for n in self.shape):
            raise ReleaseError(
                f"data.shape {list(self.shape)[:8]} is not that of {self.kind!r}",
                "An image is [C, H, W], a vector [F].",
            )


@dataclass(frozen=True, slots=True)
class Entry:
    """A named release: its source and the pin of its zoo.json, which pins every other file.

    `aliases` are other names for it, which are not listed. `deprecated` says what to use instead; such an entry loads
    with a warning and is not listed. `origin` is the registry file that has the entry.
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
    origin: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        check_name(self.name, tagged=True)
        check_version(self.version)
        _check_source(self.source)
        check_pin(self.manifest)
        check_license(self.license)
        for alias in self.aliases:
            check_name(alias)
        if not self.parts or len(set(self.parts)) != len(self.parts) or not set(self.parts) <= set(_HOLDS):
            raise ReleaseError(f"parts {list(self.parts)[:4]} is not allowed", "Allowed: autoencoder, gan, or both.")
        as_code_shape(self.code_shape)

    @property
    def arch(self) -> str:
        """The name up to the tag."""
        return self.name.partition(".")[0]

    @property
    def all_names(self) -> frozenset[str]:
        """Every name that it can be found by: its own, its aliases, and the arch alone if it is the default."""
        return frozenset({self.name, *self.aliases, *([self.arch] if self.default else [])})


def read_registry(path: Path) -> tuple[Entry, ...]:
    """The entries of one registry.toml, in the file's order.

    Raises ReleaseError naming the file, the key, what is wrong and what is allowed.
    """
    try:
        plain = tomllib.loads(read_regular(path.resolve(), _LARGEST).decode("utf-8"))
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read: {error.strerror or error}", "Check the path.") from None
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path} is not a TOML file: {error or 'nested too deep'}") from None
    if type(plain.get("format")) is not int or plain["format"] != _FORMAT:
        shown = repr(plain.get("format", "none"))[:40]
        raise ReleaseError(f"{path}: format {shown} is unknown", f"Write format = {_FORMAT}, or upgrade Zoo.")
    unknown = sorted(set(plain) - {"format", "models"})
    if unknown:
        raise ReleaseError(f"{path}: unknown key {unknown[0][:80]!r}", "Allowed: format, models.")
    tables = plain.get("models", {})
    if not isinstance(tables, dict):
        raise ReleaseError(f"{path}: models is not a table", 'Write each model as [models."arch.tag"].')
    return tuple(_entry(name, table, path) for name, table in tables.items())


def _entry(name: str, table: Any, path: Path) -> Entry:
    what = f"{path}: models.{name[:100]!r}"
    if not isinstance(table, dict):
        raise ReleaseError(f"{what} is not a table", 'Write it as [models."arch.tag"], with the quotes.')
    if "latent_dim" in table and "code_shape" not in table:  # the key of flat codes in earlier versions
        table = {"code_shape" if key == "latent_dim" else key: value for key, value in table.items()}
        table["code_shape"] = [table["code_shape"]]
    for key in ("name", "origin"):
        if key in table:
            raise ReleaseError(f"{what}: unknown key {key!r}", "The name is the key of the table.")
    if table and all(isinstance(value, dict) for value in table.values()):
        raise ReleaseError(f"{what} holds tables only", 'A dot in a name needs quotes: [models."arch.tag"].')
    # set afterwards: a registry file does not contain its own path
    entry = from_plain(Entry, {"name": name, **table}, what, error=ReleaseError)
    object.__setattr__(entry, "origin", path)
    return entry


def _check_source(source: str) -> None:
    if not any(pattern.fullmatch(source) for pattern in _SOURCES):
        raise ReleaseError(
            f"source {source[:120]!r} is not allowed",
            "Allowed: bundled:package/path, dir:path, hub:org/repo@<40 hex digits>.",
        )
