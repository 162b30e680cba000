"""Which autoencoder suits one's images: every release on this machine, measured on held-out ones, the best first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.data.config import DataConfig
from zoo.data.convert import convert_samples
from zoo.data.open import open_data
from zoo.data.pixels import to_uint8
from zoo.data.sizes import side_of
from zoo.encoding.first_stage import for_images, image_shape
from zoo.errors import CompositionError, ConfigError, ReleaseError
from zoo.networks.autoencoder import Autoencoder
from zoo.registry.file import Entry
from zoo.registry.index import available_release, models
from zoo.registry.load import load
from zoo.registry.trained_on import trained_on
from zoo.release.licences import check_terms
from zoo.training.first_stage_report import error_over_variance
from zoo.training.spaces import SMALL
from zoo.types import DataSpec

__all__ = ["Candidate", "choose_source"]

_MEASURED = 128
_OPENED = 5 * _MEASURED
_LARGEST_SIDE = 256
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """An autoencoder, and what it keeps of one's images. `shape` is that of its images, `error` the squared error of
    held-out reconstructions over the variance, measured in colour and at the larger of both sizes, so that what is lost
    by its size and colour counts. `before` and `after` are a few of these images, uint8 (n, 3, H, W). `why` says why it
    does not fit; then the error is infinite."""

    name: str
    trained_on: str
    license: str
    shape: tuple[int, ...]
    space: Literal["pixels", "codes"]
    error: float = float("inf")
    why: str = ""
    before: Tensor | None = None
    after: Tensor | None = None

    def plain(self) -> dict[str, Any]:
        """The figures, without the images."""
        names = ("name", "trained_on", "license", "shape", "space", "why")
        error = None if self.why else self.error
        return {name: getattr(self, name) for name in names} | {"error": error}


def choose_source(data: DataConfig, tell: Callable[[str], None] = lambda name: None) -> list[Candidate]:
    """Every release on this machine that holds an autoencoder of images, the best for the images of `data` first, those
    that do not fit last. `tell` gets the name of each before it is measured. Nothing is downloaded.

    Raises ConfigError if none fits, and what opening the images raises.
    """
    entries = [entry for entry in models() if "autoencoder" in entry.parts and available_release(entry) is not None]
    side = min(data.shape[1:]) if data.shape is not None else min(side_of(data), _LARGEST_SIDE)
    candidates = []
    for entry in entries:
        tell(entry.name)
        candidates.append(_measured(entry, data, side))
    candidates.sort(key=lambda one: one.error)
    if not candidates or candidates[0].why:
        reasons = "; ".join(f"{one.name}: {one.why}" for one in candidates[:3])
        raise ConfigError(
            f"no release on this machine suits these images{': ' * bool(reasons)}{reasons}",
            "Train an autoencoder on them: zoo train autoencoder --data IMAGES --out runs/ae",
        )
    return candidates


def _measured(entry: Entry, data: DataConfig, side: int) -> Candidate:
    source = load(entry.key).autoencoder
    assert source is not None, "the entry says so"
    keeps_places = len(source.code_shape) == 3 and source.data.shape[1] != source.code_shape[1]
    space: Literal["pixels", "codes"] = "codes" if keeps_places else "pixels"
    plain = Candidate(entry.name, trained_on(entry), entry.license, source.data.shape, space)
    if not source.data.is_image or source.first_stage is not None:
        return replace(plain, why="it is no autoencoder of images")
    if keeps_places and side <= SMALL:
        return replace(plain, why=f"it is for images above {SMALL} px")
    try:
        check_terms(entry.license, {entry.name: entry.license})
        shape = image_shape(source, data) if keeps_places else source.data.shape
        return _with_error(plain, source, replace(source.data, shape=shape), data, side)
    except (CompositionError, ConfigError, ReleaseError) as error:
        return replace(plain, why=error.message)


def _with_error(plain: Candidate, source: Autoencoder, own: DataSpec, data: DataConfig, side: int) -> Candidate:
    """Reconstruct held-out images as the autoencoder takes them, `own`, and compare at the larger of both sizes."""
    largest = max(side, min(own.shape[1:]))
    full = replace(own, shape=(3, largest, largest))
    images = open_data(replace(data, limit=_OPENED, shape=full.shape, labels="off", sha256=None), like=full)
    x = images.batch(images.to_measure(_MEASURED))
    small = convert_samples(x, full, own)
    stage = for_images(source, own) if plain.space == "codes" else None
    rebuilt = source.reconstruct(small) if stage is None else stage.decode(stage.encode(small))
    y = convert_samples(rebuilt, own, full)
    shown = torch.stack([x[:_SHOWN], y[:_SHOWN]])
    before, after = (to_uint8(part, full) for part in shown)
    return replace(plain, shape=own.shape, error=error_over_variance(x, y), before=before, after=after)
