"""Compute the test vectors of a release again, and compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo._utils.tensors import unpack
from zoo.errors import IntegrityError, ReleaseError
from zoo.networks.vectors import Difference, compare, record_vectors
from zoo.registry.load import LoadedRelease, load_folder
from zoo.release.folder import read_pinned
from zoo.release.manifest import Manifest, Tolerances

__all__ = ["VECTORS", "Replay", "replay", "replay_vectors"]

VECTORS = "vectors.safetensors"
"""The file of a release that holds its test vectors."""
_MOST_VECTORS = 256
_LARGEST_DRAWN = 1_000_000


@dataclass(frozen=True, slots=True)
class Replay:
    """The test vectors as recorded and as computed now, their differences in the order of the modules, and the
    tolerances, which are the release's own up to a cap."""

    differences: list[Difference]
    recorded: Mapping[str, Tensor]
    given: Mapping[str, Tensor]
    tolerances: Tolerances

    @property
    def covers_prior(self) -> bool:
        """Whether codes of the prior are among the vectors, if there is a prior: not so in older releases."""
        return "z" not in self.recorded or "drawn" in self.recorded

    def first(self) -> dict[str, Tensor]:
        """The first result that differs, or else the first module's statistics, as `recorded` and `given`."""
        names = [difference.name for difference in self.differences]
        name = next((name for name in names if "/" not in name), names[0])
        both = {"recorded": self.recorded.get(name), "given": self.given.get(name)}
        return {f"{side}.{name}": tensor for side, tensor in both.items() if tensor is not None}


def replay(folder: Path, manifest: Manifest) -> list[Difference]:
    """Compute the release's test vectors again; the differences beyond its tolerances, in the order of the modules."""
    return replay_vectors(folder, manifest).differences


def replay_vectors(folder: Path, manifest: Manifest) -> Replay:
    """`replay`, with the tensors of both sides. Raises ReleaseError or IntegrityError if vectors are missing."""
    pair = load_folder(folder, manifest)
    pin = manifest.files.get(VECTORS)
    if pin is None:
        raise ReleaseError(f"{manifest.name} has no test vectors", f"Its publisher left out {VECTORS}.")
    recorded = unpack(read_pinned(folder, VECTORS, pin), str(folder / VECTORS))
    _check_inputs(recorded, manifest, pair, str(folder / VECTORS))
    given = record_vectors(pair.autoencoder, pair.gan, recorded["x"], recorded.get("z"), recorded.get("condition"))
    for name in ("drawn", "drawn_sample"):
        if name in given and not (given[name].abs() <= _LARGEST_DRAWN).all():
            raise IntegrityError(
                f"{manifest.name}: what its prior draws is not finite, or above {_LARGEST_DRAWN:,}",
                "Get the release again.",
            )
        if name not in recorded:  # of a release that was made before these were recorded
            given.pop(name, None)
    tolerances = manifest.tolerances.capped
    limits = {"rtol": tolerances.rtol, "atol": tolerances.atol}
    differences = compare(recorded, given, per_million=tolerances.mismatched_per_million, **limits)
    return Replay(differences, recorded, given, tolerances)


def _check_inputs(recorded: Mapping[str, Tensor], manifest: Manifest, pair: LoadedRelease, owner: str) -> None:
    """Raises IntegrityError unless x, z and the condition are what the manifest's networks take, few, and finite."""
    gan, autoencoder = pair.gan, pair.autoencoder
    if "x" not in recorded or (gan is not None and "z" not in recorded):
        raise IntegrityError(f"{owner} lacks the inputs x or z", "The release is incomplete.")
    wanted = {"x": (torch.float32, manifest.data.shape)}
    model = gan or autoencoder
    condition = None if model is None else model.condition
    if gan is not None:
        wanted["z"] = (torch.float32, manifest.code_shape)
    if condition is not None:
        wanted["condition"] = (torch.int64, ()) if condition.classes else (torch.float32, (condition.width,))
    for name, (dtype, shape) in wanted.items():
        values = recorded.get(name, torch.empty(0))
        known = values.dtype == dtype and values.dim() == 1 + len(shape) and tuple(values.shape[1:]) == shape
        if not known or not 1 <= len(values) <= _MOST_VECTORS or not values.isfinite().all():
            raise IntegrityError(
                f"{owner}: {name} is {values.dtype} {list(values.shape)}, and not 1 to {_MOST_VECTORS} finite values "
                f"{dtype} {list(shape)}",
                "Get the release again.",
            )
    if condition is None:
        return
    asked = recorded["condition"]
    inside = not condition.classes or bool(((asked >= 0) & (asked < condition.width)).all())
    codes = recorded["x"] if gan is None else recorded["z"]
    if not inside or not len(recorded["x"]) <= len(codes) == len(asked):
        raise IntegrityError(f"{owner}: the conditions are not those of the codes", "Get the release again.")
