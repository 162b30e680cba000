"""An inversion as files: codes, pictures, figures, the tuned generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zoo._utils.strict_json import dump_json
from zoo._utils.tensors import pack
from zoo.data.grids import grid, png_bytes
from zoo.data.pixels import to_uint8
from zoo.editing.inversion import Inversion

__all__ = ["files_of"]

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
        "codes.safetensors": pack({"codes": inversion.codes}, {"files": list(names)}),
        "pairs.png": png_bytes(grid(to_uint8(pairs, inversion.space.output), across)),
        "report.json": dump_json(report),
    }
    if inversion.tuned:
        files["generator.safetensors"] = pack(inversion.space.generator.state_dict(), {"role": "generator"})
    return files, report


def _rounded(value: Tensor) -> float | None:
    """A figure of the report; None for one that is not known."""
    number = float(value)
    return None if math.isnan(number) else round(number, 4)
