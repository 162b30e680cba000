"""An inversion as files: codes, pictures, figures, the tuned generator; and read again, to edit it."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo._utils.files import read_regular
from zoo._utils.strict_json import dump_json
from zoo._utils.tensors import check_header, pack, unpack
from zoo.data.grids import grid, png_bytes
from zoo.data.pixels import to_uint8
from zoo.editing.inversion import Inversion
from zoo.editing.space import CodeSpace
from zoo.errors import ConfigError, DataError, IntegrityError
from zoo.networks.limits import compare_tensors
from zoo.networks.utils import check_finite, digest

__all__ = ["CODES", "SavedCodes", "files_of", "read_saved"]

CODES, GENERATOR = "codes.safetensors", "generator.safetensors"
_LARGEST_CODES, _LARGEST_GENERATOR = 2**28, 2**32

_ACROSS = 8


def files_of(inversion: Inversion, images: Tensor, facts: Mapping[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a folder by name, and the report in one of them. `images` (N, *output.shape) are those that were
    inverted; `facts` are plain data for the report, with the names of the `files`."""
    names = facts["files"]
    figures = zip(
        names, inversion.curve[0], inversion.searched, inversion.psnr, inversion.features, inversion.steps, strict=True
    )
    rows = [
        {
            "file": name,
            "start_psnr": _rounded(first),
            "searched_psnr": _rounded(searched),
            "psnr": _rounded(last),
            "feature_distance": _rounded(features),
            "steps": int(steps),
        }
        for name, first, searched, last, features, steps in figures
    ]
    report = {**{key: value for key, value in facts.items() if key != "files"}, "images": rows}
    pairs = torch.stack([images, inversion.images], 1).flatten(0, 1)
    across = min(_ACROSS, 2 * math.ceil(math.sqrt(len(images) / 2)))
    files = {
        CODES: _packed(inversion, names),
        "pairs.png": png_bytes(grid(to_uint8(pairs, inversion.space.output), across)),
        "report.json": dump_json(report),
    }
    if inversion.tuned:
        files[GENERATOR] = pack(inversion.space.generator.state_dict(), {"role": "generator"})
    return files, report


@dataclass(frozen=True)
class SavedCodes:
    """Codes (N, *code_shape) that were saved, their condition (N, ...) or None, and the files that they are of. The
    generator of `space` is the tuned one, if it was tuned."""

    space: CodeSpace
    codes: Tensor
    condition: Tensor | None
    files: tuple[str, ...]


def read_saved(folder: str | Path, model: Any) -> SavedCodes:
    """Read what `files_of` gave from a folder, of the same model. Nothing in it is executed.

    Raises DataError for a missing file, IntegrityError for one that is damaged or holds anything else, ConfigError for
    codes of another model.
    """
    space, path = CodeSpace(model), Path(folder) / CODES
    data = _read(path, _LARGEST_CODES)
    facts, tensors = check_header(data, str(path)).facts, unpack(data, str(path))
    codes, files = tensors.get("codes"), facts.get("files")
    if codes is None or not isinstance(files, list) or len(files) != len(codes) or not torch.isfinite(codes).all():
        raise IntegrityError(f"{path} does not hold the codes of an inversion", "Make them: zoo invert --help")
    if facts.get("generator") != digest(space.generator) or tuple(codes.shape[1:]) != space.code_shape:
        raise ConfigError(
            f"{path} holds codes of another model", "Invert the images with this model: zoo invert --help"
        )
    tuned = Path(folder) / GENERATOR
    if tuned.exists():
        generator = copy.deepcopy(space.generator)
        weights = unpack(_read(tuned, _LARGEST_GENERATOR), str(tuned))
        compare_tensors(generator, weights, str(tuned))
        generator.load_state_dict(weights, strict=True)
        check_finite(generator, str(tuned))
        space = space.with_generator(generator)
    return SavedCodes(space, codes.float(), tensors.get("condition"), tuple(str(file) for file in files))


def _packed(inversion: Inversion, names: Sequence[str]) -> bytes:
    condition = {} if inversion.condition is None else {"condition": inversion.condition}
    facts = {"files": list(names), "generator": digest(inversion.untuned.generator)}
    return pack({"codes": inversion.codes, **condition}, facts)


def _read(path: Path, largest: int) -> bytes:
    try:
        return read_regular(path, largest)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", "Make it: zoo invert --help") from None


def _rounded(value: Tensor) -> float | None:
    """A figure of the report; None for one that is not known."""
    number = float(value)
    return None if math.isnan(number) else round(number, 4)
