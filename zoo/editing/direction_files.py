"""Directions as small files, to be saved, used again and shared. What is read is not trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from zoo._utils.files import read_regular, write_atomically
from zoo._utils.tensors import check_header, pack, unpack
from zoo.editing.directions import Directions
from zoo.errors import DataError, IntegrityError

__all__ = ["directions_bytes", "parse_directions", "read_directions", "write_directions"]

_FORMAT = 1
_LARGEST = 2**26
_MOST = 4096
_LONGEST = 200
_METHODS = ("classes", "attributes", "examples", "components")
_FACTS = {"format", "names", "method", "model", "generator"}


def write_directions(path: str | Path, directions: Directions) -> None:
    """Write a .safetensors file: the tensor `directions` (K, M, *code_shape), and facts. Raises IntegrityError for what
    could not be read again (names over 200 characters, over 4,096 of them), StorageError."""
    write_atomically(Path(path), directions_bytes(directions))


def directions_bytes(directions: Directions) -> bytes:
    """The bytes of such a file. Raises IntegrityError for what could not be read again."""
    facts = {
        "format": _FORMAT,
        "names": list(directions.names),
        "method": directions.method,
        "model": directions.model,
        "generator": directions.generator,
    }
    _check_facts(facts, "this file")
    return pack({"directions": directions.vectors}, facts)


def read_directions(path: str | Path) -> Directions:
    """Read what `write_directions` wrote, from anyone: nothing in it is executed.

    Raises DataError for a file that is missing, a link or over 64 MiB, IntegrityError for one that is damaged or holds
    anything else than finite directions with distinct names.
    """
    try:
        data = read_regular(Path(path), _LARGEST)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror or error}", "Make one: zoo directions find --help"
        ) from None
    return parse_directions(data, str(path))


def parse_directions(data: bytes, what: str) -> Directions:
    """Directions from the bytes of a file, which `what` names in errors. Raises IntegrityError."""
    facts = check_header(data, what).facts
    _check_facts(facts, what)
    tensors = unpack(data, what)
    names, vectors = tuple(facts["names"]), tensors.get("directions")
    if vectors is None or len(tensors) != 1 or vectors.dtype != torch.float32 or vectors.dim() not in (3, 5):
        raise IntegrityError(f"{what} does not hold one float32 tensor, directions", "Get the file again.")
    single = facts["method"] == "classes" or vectors.shape[1] == 1
    if len(vectors) != len(names) or 0 in vectors.shape or not single or not torch.isfinite(vectors).all():
        raise IntegrityError(f"{what} holds {len(vectors)} directions of {len(names)} names, or no finite ones")
    return Directions(names, vectors, facts["method"], facts["model"], facts["generator"])


def _check_facts(facts: Mapping[str, object], what: str) -> None:
    if set(facts) != _FACTS:
        raise IntegrityError(f"{what} is no file of directions", "Make one: zoo directions find --help")
    if type(facts["format"]) is not int or facts["format"] != _FORMAT:
        raise IntegrityError(f"{what} has the format {str(facts['format'])[:40]!r}, not {_FORMAT}", "Update Zoo.")
    names = facts["names"]
    if not isinstance(names, list) or not 1 <= len(names) <= _MOST or not all(map(_is_text, names)):
        raise IntegrityError(f"{what} has no list of up to {_MOST:,} names")
    if len(set(names)) != len(names):
        raise IntegrityError(f"{what} names a direction twice")
    if facts["method"] not in _METHODS or not _is_text(facts["model"]) or not _is_text(facts["generator"]):
        raise IntegrityError(f"{what} does not say how its directions were found, and of which model")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _LONGEST
