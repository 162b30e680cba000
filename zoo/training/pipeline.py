"""Run a recipe's steps in order: autoencoder, transfer, GAN, generate, discriminate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zoo import plugins
from zoo._utils import distributed, launch
from zoo._utils.files import write_atomically
from zoo.config import to_plain
from zoo.data.grids import grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import autoencoder, gan
from zoo.networks.gan import GAN
from zoo.training.api import Run, resume, train
from zoo.training.open_sources import autoencoder_of, further_sources
from zoo.training.rebuild import recipe_of_autoencoder
from zoo.training.recipe import AdversarialTraining, AutoencoderSection, GanSection, Recipe, TransferSection
from zoo.training.recipe_diff import changes, format_changes
from zoo.training.run_dir import RunDirectory
from zoo.transfers.apply import TransferResult, explain, transfer
from zoo.transfers.parse import is_auto
from zoo.transfers.report import Report
from zoo.transfers.strategies import check_strategy
from zoo.types import DataSpec, Event, Watcher, as_part

__all__ = ["Outcome", "Verdict", "explain_recipe", "run_recipe"]


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
    if recipe.parent is not None:
        raise ConfigError(
            f"this recipe is of a run that went on from {recipe.parent.run}: training it anew would give another one",
            "Take its [parent] table out; or go on from that run: zoo resume RUN --override KEY=VALUE --out NEW",
        )
    out = Path(out)
    both = recipe.autoencoder is not None and recipe.gan is not None and autoencoder_out is None
    gan_out = out / "gan" if both else out
    if recipe.gan is not None:
        RunDirectory(gan_out).require_free()  # before the autoencoder is trained in vain
    _check_names(recipe)
    ae_run = gan_run = None
    if recipe.autoencoder is not None:
        place = autoencoder_out or (out / "autoencoder" if both else out)
        ae_run = _train_autoencoder(recipe, place, watch if autoencoder_watch is None else autoencoder_watch, track)
    if recipe.gan is None:
        return Outcome(ae_run)
    source = _source(recipe.transfer, ae_run) if recipe.transfer is not None else None
    images = open_data(recipe.data, source.data if source is not None else None)
    start = _initial_gan(recipe, recipe.gan, images, source, watch)
    gan_run = train(
        start,
        images,
        out=gan_out,
        training=_non_defaults(recipe.gan.training),
        evaluation=recipe.evaluation,
        engine=recipe.engine,
        seed=recipe.seed,
        name=recipe.name,
        watch=watch,
        track=track,
    )
    return Outcome(ae_run, gan_run, _generate(recipe, gan_run, out), _discriminate(recipe, gan_run))


def _check_names(recipe: Recipe) -> None:
    """Raises UnknownName or ConfigError for a strategy or a metric that does not exist."""
    if recipe.transfer is not None:
        check_strategy(recipe.transfer.strategies, recipe.transfer.further)
    if recipe.evaluation is not None:
        plugins.find_component("metric", recipe.evaluation.metric)


def explain_recipe(recipe: Recipe) -> Report:
    """What a recipe's transfer would move, from structure alone. Raises ConfigError when it has none."""
    if recipe.transfer is None or recipe.gan is None:
        raise ConfigError("the recipe transfers nothing", "Give it a [transfer] table.")
    _check_names(recipe)
    images = None
    if recipe.autoencoder is not None and recipe.transfer.source == "autoencoder":
        source = _pretrained(recipe.autoencoder) or _compose_autoencoder(
            recipe.autoencoder, open_data(recipe.data).spec, recipe.seed, "meta"
        )
    else:
        source = _source(recipe.transfer, None)
        images = open_data(recipe.data, source.data) if is_auto(recipe.transfer.strategies) else None
    return _explain(recipe, source, images)


def _explain(recipe: Recipe, source: Autoencoder, images: ImageSet | None) -> Report:
    assert recipe.gan is not None
    assert recipe.transfer is not None
    shape = recipe.data.shape or source.data.shape
    composed = _compose_gan(recipe.gan, replace(source.data, shape=shape), source, recipe.seed, "meta")
    origin = source.origin.name if source.origin else ""
    further = further_sources(recipe.transfer, composed.data, recipe.seed, "meta")
    report = explain(source, composed, recipe.transfer.strategies, origin, further=further, data=images)
    return report if images is None else replace(report, notes=(*report.notes, *images.notes))


def _train_autoencoder(recipe: Recipe, place: Path, watch: Sequence[Watcher], track: Sequence[str]) -> Run:
    """The recipe's autoencoder, trained into `place`; if a GAN is to follow and the same recipe began it there
    before, that run is resumed."""
    section = recipe.autoencoder
    assert section is not None
    pretrained = _pretrained(section)
    if pretrained is None:
        images = open_data(recipe.data)
    else:  # in the source's own shape, whatever shape the GAN is to have
        images = open_data(replace(recipe.data, shape=None), pretrained.data)
    model = pretrained or _compose_autoencoder(section, images.spec, recipe.seed)
    facts: dict[str, Any] = {"engine": recipe.engine, "seed": recipe.seed, "name": recipe.name}
    if recipe.gan is not None:
        if recipe.transfer is not None and recipe.transfer.source == "autoencoder":
            _explain(recipe, model, None)  # a transfer that does not fit is refused before anything is trained
        wanted = recipe_of_autoencoder(model, section.training, images, **facts)
        distributed.join(recipe.engine.device)
        if distributed.any_rank(_is_resumable(RunDirectory(place), wanted), torch.device("cpu")):
            return resume(place, watch=watch, track=track)
    return train(model, images, out=place, training=to_plain(section.training), watch=watch, track=track, **facts)


def _is_resumable(run_dir: RunDirectory, wanted: Recipe) -> bool:
    """Whether a run of the recipe `wanted` lies there. Raises ConfigError for one of another recipe."""
    if not any(run_dir.checkpoints.glob("[0-9]*")):
        return False
    movable = {
        "threads",
        "engine.device",
        "engine.accumulate",
        "engine.when_full",
    }  # a run may be resumed on another device
    changed = [change for change in changes(run_dir.recipe(), wanted) if change.key not in movable]
    if changed:
        raise ConfigError(
            f"{run_dir.folder} holds the autoencoder of another command: {format_changes(changed)}",
            "Give the command that began it, or choose another --out.",
        )
    return True


def _non_defaults(training: AdversarialTraining) -> dict[str, Any]:
    """The settings that differ from the defaults: a strategy may set the others."""
    defaults = to_plain(AdversarialTraining())
    return {key: value for key, value in to_plain(training).items() if value != defaults.get(key)}


def _compose_autoencoder(section: AutoencoderSection, data: DataSpec, seed: int, device: str = "cpu") -> Autoencoder:
    return autoencoder(
        section.encoder,
        section.generator,
        bottleneck=section.bottleneck,
        code_shape=section.code_shape,
        data=data,
        seed=seed,
        device=device,
    )


def _pretrained(section: AutoencoderSection) -> Autoencoder | None:
    """The release's autoencoder that training starts from, if any; its parts are those that the section names, or the
    section names none."""
    if section.source is None:
        return None
    model = autoencoder_of(section.source)
    if section.origin is not None and model.origin != section.origin:
        raise ConfigError(
            f"{section.source} is not the release that this recipe began with",
            f"That was {section.origin.name} {section.origin.version}, {section.origin.manifest[:19]}...",
        )
    defaults = AutoencoderSection()
    for role, field in (("encoder", "encoder"), ("decoder", "generator"), ("bottleneck", "bottleneck")):
        named = getattr(section, field)
        if named != getattr(defaults, field) and as_part(named) != model.specs[role]:
            raise ConfigError(
                f"[autoencoder] names the {field} {as_part(named).component}, and goes on from {section.source}, whose "
                f"{field} is another {model.specs[role].component}",
                "Leave it out: the parts are the source's own.",
            )
    return model


def _compose_gan(
    section: GanSection, data: DataSpec, source: Autoencoder | None, seed: int, device: str = "cpu"
) -> GAN:
    return gan(
        section.generator,
        section.discriminator,
        like=source,
        prior=section.prior,
        code_shape=section.code_shape,
        data=data,
        seed=seed,
        device=device,
    )


def _source(section: TransferSection, run: Run | None) -> Autoencoder:
    """The autoencoder to transfer from: this recipe's, a run's, or a release's."""
    if section.source == "autoencoder":
        if run is None or run.autoencoder is None:
            raise ConfigError(
                "the transfer's source is this recipe's autoencoder, and it has none",
                "Give the recipe an [autoencoder] table, or transfer.source a release's name.",
            )
        return run.autoencoder
    return autoencoder_of(section.source)


def _initial_gan(
    recipe: Recipe, section: GanSection, images: ImageSet, source: Autoencoder | None, watch: Sequence[Watcher]
) -> GAN | TransferResult:
    composed = _compose_gan(section, images.spec, source, recipe.seed)
    if source is None or recipe.transfer is None:
        return composed

    def tell(text: str) -> None:
        for watcher in watch:
            watcher(Event("note", 0, section.training.images, {"text": text}))

    further = further_sources(recipe.transfer, composed.data, recipe.seed)
    return transfer(
        source, composed, recipe.transfer.strategies, further=further, data=images, seed=recipe.seed, tell=tell
    )


def _generate(recipe: Recipe, run: Run, out: Path) -> Path | None:
    if recipe.generate is None or run.gan is None or not run.gan.data.is_image:
        return None
    path = out / "samples.png"
    if not launch.is_rank_zero():
        return path
    samples = run.gan.sample(recipe.generate.count, recipe.generate.seed)
    write_atomically(path, png_bytes(grid(to_uint8(samples, run.gan.data), 8)))
    return path


def _discriminate(recipe: Recipe, run: Run) -> Verdict | None:
    if recipe.discriminate is None or run.gan is None:
        return None
    rows = run.images.held_out[: recipe.discriminate.count]
    real = run.gan.score(run.images.batch(rows))
    fake = run.gan.score(run.gan.sample(recipe.discriminate.count, recipe.discriminate.seed))
    return Verdict(
        real.mean().item(), fake.mean().item(), (real > 0).float().mean().item(), (fake > 0).float().mean().item()
    )
