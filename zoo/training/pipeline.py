"""Run a recipe's steps in order: autoencoder, transfer, GAN, generate, discriminate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zoo._utils import distributed, launch
from zoo._utils.files import write_atomically
from zoo.config import to_plain
from zoo.data.grids import grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.data.pixels import to_uint8
from zoo.encoding.codes import samples_of
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.gan import GAN
from zoo.training.again import require_again
from zoo.training.api import Run, resume, train
from zoo.training.open_sources import further_sources
from zoo.training.recipe import GanSection, Recipe, TransferSection
from zoo.training.recipe_diff import changes, format_changes
from zoo.training.recipe_models import (
    compose_autoencoder,
    compose_gan,
    named_source,
    pretrained,
)
from zoo.training.recipe_of import images_for, recipe_of_autoencoder
from zoo.training.recipe_parts import migrated
from zoo.training.recipe_plan import check_gan, first_recipe, own_recipe, recipe_images, settings_of_user
from zoo.training.rehearsal import check_names
from zoo.training.run_dir import RunDirectory
from zoo.training.watchers import joined
from zoo.transfers.apply import TransferResult, transfer
from zoo.types import Event, Watcher

__all__ = ["Outcome", "Verdict", "run_recipe"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The discriminator's mean logit for real and generated images, and the share of each that it calls real."""

    real_logit: float
    fake_logit: float
    real_called_real: float
    fake_called_real: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of each of a recipe's steps; None for a step that it does not have."""

    autoencoder: Run | None = None
    gan: Run | None = None
    samples: Path | None = None
    verdict: Verdict | None = None


def run_recipe(
    recipe: Recipe,
    out: str | Path,
    *,
    autoencoder_out: Path | None = None,
    watch: Sequence[Watcher] = (),
    autoencoder_watch: Sequence[Watcher] | None = None,
    track: Sequence[str] = (),
) -> Outcome:
    """Run every step of `recipe` into `out`: a recipe with one model uses the folder itself, one with two gives each
    its own (`autoencoder`, `gan`), unless `autoencoder_out` names the autoencoder's: then `out` is the GAN's. If
    autoencoder training was interrupted, running the recipe again resumes it. `autoencoder_watch` gets
    the autoencoder's events in place of `watch`. Raises like `zoo.train` and `zoo.transfer`; a wrong name is refused
    before anything is opened."""
    require_again(recipe)
    recipe = migrated(recipe)
    first = first_recipe(recipe)
    out = Path(out)
    both = first is not None and recipe.gan is not None and autoencoder_out is None
    gan_out = out / "gan" if both else out
    if recipe.gan is not None:
        RunDirectory(gan_out).require_free()  # before the autoencoder is trained in vain
    check_names(recipe)
    ae_run = gan_run = None
    if first is not None:
        place = autoencoder_out or (out / "autoencoder" if both else out)
        watch_first = watch if autoencoder_watch is None else autoencoder_watch
        ae_run = _train_autoencoder(first, recipe, place, watch_first, track)
    if recipe.gan is None:
        return Outcome(ae_run)
    source = _source(recipe.transfer, ae_run) if recipe.transfer is not None else None
    images, first_stage = recipe_images(recipe, source, watch)
    start = _initial_gan(recipe, recipe.gan, images, first_stage, source, watch)
    gan_run = train(
        start,
        images,
        out=gan_out,
        training=settings_of_user(recipe.gan.training),
        evaluation=recipe.evaluation,
        engine=recipe.engine,
        seed=recipe.seed,
        name=recipe.name,
        watch=watch,
        track=track,
    )
    return Outcome(ae_run, gan_run, _generate(recipe, gan_run, out), _discriminate(recipe, gan_run))


def _train_autoencoder(own: Recipe, recipe: Recipe, place: Path, watch: Sequence[Watcher], track: Sequence[str]) -> Run:
    """The autoencoder of `own`, trained into `place`; an earlier run that it continues goes beside it. If more of
    `recipe` is to follow and the same recipe began it there before, that run is resumed."""
    section = own.autoencoder
    assert section is not None
    if section.trained_by is not None:
        beside = place.with_name(f"{place.name}-before")
        model = _train_autoencoder(own_recipe(recipe, section.trained_by), recipe, beside, watch, track).autoencoder
    else:
        model = pretrained(section)
    if model is None:
        images, stage = recipe_images(own, None, watch)
        model = compose_autoencoder(section, images.spec if stage is None else stage.codes, own.seed, first_stage=stage)
    else:  # in the source's own shape, whatever shape the GAN is to have
        images = open_data(replace(own.data, shape=None), model.output)
    facts: dict[str, Any] = {"engine": own.engine, "seed": own.seed, "name": own.name}
    if recipe.gan is not None:
        check_gan(recipe, model, images.spec if model.first_stage is None else model.first_stage.codes)
    if recipe.gan is not None or own is not recipe:
        wanted = recipe_of_autoencoder(model, section.training, images_for(model, images), **facts)
        distributed.join(own.engine.device)
        if distributed.any_rank(_is_resumable(RunDirectory(place), wanted), torch.device("cpu")):
            return resume(place, watch=watch, track=track)
    return train(model, images, out=place, training=to_plain(section.training), watch=watch, track=track, **facts)


def _source(section: TransferSection, run: Run | None) -> Autoencoder | GAN:
    """The autoencoder to transfer from: the one just trained, or what the release or the run that is named holds."""
    trained = run.autoencoder if run is not None and section.source == "autoencoder" else None
    return trained or named_source(section)


def _is_resumable(run_dir: RunDirectory, wanted: Recipe) -> bool:
    """Whether a run of the recipe `wanted` lies there. Raises ConfigError for one of another recipe."""
    if not any(run_dir.checkpoints.glob("[0-9]*")):
        return False
    # a run may be resumed on another device
    movable = {"threads", "engine.device", "engine.accumulate", "engine.when_full"}
    changed = [change for change in changes(migrated(run_dir.recipe()), wanted) if change.key not in movable]
    if changed:
        raise ConfigError(
            f"{run_dir.folder} holds the autoencoder of another command: {format_changes(changed)}",
            "Give the command that began it, or choose another --out.",
        )
    return True


def _initial_gan(
    recipe: Recipe,
    section: GanSection,
    images: ImageSet,
    first_stage: FirstStage | None,
    source: Autoencoder | GAN | None,
    watch: Sequence[Watcher],
) -> GAN | TransferResult:
    if source is None or recipe.transfer is None:
        spec = images.spec if first_stage is None else first_stage.codes
        return compose_gan(section, spec, None, recipe.seed, first_stage=first_stage)
    samples = samples_of(images, first_stage, joined(watch))
    composed = None
    if not isinstance(source, GAN):
        composed = compose_gan(section, samples.spec, source, recipe.seed, first_stage=first_stage)

    def tell(text: str) -> None:
        joined(watch)(Event("note", 0, section.training.images, {"text": text}))

    further = further_sources(recipe.transfer, samples.spec, recipe.seed)
    return transfer(
        source, composed, recipe.transfer.strategies, further=further, data=samples, seed=recipe.seed, tell=tell
    )


def _generate(recipe: Recipe, run: Run, out: Path) -> Path | None:
    if recipe.generate is None or run.gan is None or not run.gan.output.is_image:
        return None
    path = out / "samples.png"
    if not launch.is_rank_zero():
        return path
    samples = run.gan.sample(recipe.generate.count, recipe.generate.seed)
    write_atomically(path, png_bytes(grid(to_uint8(samples, run.gan.output), 8)))
    return path


def _discriminate(recipe: Recipe, run: Run) -> Verdict | None:
    if recipe.discriminate is None or run.gan is None:
        return None
    rows = run.samples.held_out[: recipe.discriminate.count]
    real = run.gan.score(run.samples.batch(rows))
    fake = run.gan.score(run.gan.undecoded(recipe.discriminate.count, recipe.discriminate.seed))
    return Verdict(
        real.mean().item(), fake.mean().item(), (real > 0).float().mean().item(), (fake > 0).float().mean().item()
    )
