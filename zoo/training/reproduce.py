"""Train a release again, up to some images, and compare the weights on the way with those that it recorded."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from zoo.errors import DataError, ReleaseError
from zoo.release.folder import read_pinned
from zoo.release.manifest import Manifest
from zoo.release.provenance import Environment, Provenance
from zoo.training.devices import choose
from zoo.training.pipeline import run_recipe
from zoo.training.provenance import environment
from zoo.training.recipe import Recipe, parse_recipe
from zoo.types import Event, Watcher

__all__ = ["Comparison", "reproduce"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`equal` has the numbers of images after which the weights were the same bits; `differs` the first after which
    they were not, None if there is none. `elsewhere` says what of the environment is another, empty if nothing is: then
    bits may differ without a fault."""

    equal: tuple[int, ...]
    differs: int | None
    elsewhere: str


class _Reached(Exception):
    """Enough images were shown."""


def reproduce(
    folder: Path, manifest: Manifest, out: Path, *, images: int, data: str = "", watch: Sequence[Watcher] = ()
) -> Comparison:
    """Train the release in `folder` again into the new folder `out` and stop at its first checkpoint after `images`
    images or more. `data` says where its images are on this machine, if its recipe does not.

    A GAN's autoencoder is trained first, in full, if the recipe trains it. Raises ReleaseError if the release does not
    say how its weights were on the way, or cannot be trained again, and what training raises.
    """
    traced = _traced(manifest)
    recipe = _recipe(folder, manifest, data)
    goal = next((at for at in traced if at >= images), max(traced))
    seen: dict[int, str] = {}

    def collect(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown in traced:
            seen[event.shown] = str(event.facts["weights"])
        if event.kind == "checkpoint" and event.shown >= goal:
            raise _Reached

    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)  # another thread count rounds differently
    try:
        with contextlib.suppress(_Reached):
            run_recipe(recipe, out, watch=(*watch, collect), autoencoder_watch=watch)
    except DataError as error:
        if data:
            raise
        raise DataError(error.message, "Say where its images are on this machine: --data PATH") from error
    same = [at for at in sorted(seen) if seen[at] == traced[at]]
    differs = next((at for at in sorted(seen) if seen[at] != traced[at]), None)
    assert manifest.provenance is not None
    return Comparison(tuple(same), differs, _elsewhere(manifest.provenance, recipe))


def _traced(manifest: Manifest) -> dict[int, str]:
    provenance = manifest.provenance
    if provenance is None or not provenance.weights:
        raise ReleaseError(
            f"{manifest.name} {manifest.version} does not say how its weights were on the way",
            "Releases of earlier versions do not; rehearse its recipe: zoo verify --recipe.",
        )
    return {one.shown: one.sha256 for one in provenance.weights}


def _recipe(folder: Path, manifest: Manifest, data: str) -> Recipe:
    if manifest.recipe is None:
        raise ReleaseError(f"{manifest.name} has no recipe", "It cannot be trained again.")
    name = manifest.recipe.file
    recipe = parse_recipe(read_pinned(folder, name, manifest.files[name]), name)
    return _with_data(recipe, recipe.data.sha256, data) if data else recipe


def _with_data(recipe: Recipe, sha256: str | None, source: str) -> Recipe:
    """The recipe, and those of the runs before it, with another place of the images that have this digest."""
    if recipe.data.sha256 == sha256:
        recipe = replace(recipe, data=replace(recipe.data, source=source))
    own, transfer = recipe.autoencoder, recipe.transfer
    if own is not None and own.trained_by is not None:
        recipe = replace(recipe, autoencoder=replace(own, trained_by=_with_data(own.trained_by, sha256, source)))
    if transfer is not None and transfer.trained_by is not None:
        before = _with_data(transfer.trained_by, sha256, source)
        recipe = replace(recipe, transfer=replace(transfer, trained_by=before))
    return recipe


def _elsewhere(provenance: Provenance, recipe: Recipe) -> str:
    """What of this process is other than where the release was trained."""
    here = environment(choose(recipe.engine.device))
    there = provenance.environments[-1]
    names = [name for name in Environment.__slots__ if getattr(here, name) != getattr(there, name)]
    return "; ".join(f"{name} {getattr(there, name)}, here {getattr(here, name)}" for name in names)
