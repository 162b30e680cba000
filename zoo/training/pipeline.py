"""Run a recipe's stages in order: autoencoder, transfer, GAN, generate, judge."""

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
from zoo.data.images import ImageSet, to_uint8
from zoo.data.open import open_images
from zoo.data.split import select
from zoo.errors import ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part, autoencoder, gan
from zoo.networks.gan import GAN
from zoo.training.api import Run, open_model, resume, train
from zoo.training.rebuild import recipe_of_autoencoder
from zoo.training.recipe import AdversarialTraining, AutoencoderSection, GanSection, Recipe, TransferSection
from zoo.training.recipe_diff import changes, told
from zoo.training.run_dir import RunDirectory
from zoo.transfers.apply import TransferResult, explain, transfer
from zoo.transfers.auto import AUTO
from zoo.transfers.report import Report
from zoo.types import DataSpec, Event, Watcher

__all__ = ["Outcome", "Verdict", "explain_recipe", "run_recipe"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the discriminator says: its mean logit for real and generated images, and how many of each it calls real."""

    real_logit: float
    fake_logit: float
    real_called_real: float
    fake_called_real: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a recipe gave, stage by stage; None for a stage that it does not have."""

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
    """Run every stage of `recipe` into `out`: a recipe with one model uses the folder itself, one with two gives each
    its own (`autoencoder`, `gan`), unless `autoencoder_out` names the autoencoder's: then `out` is the GAN's. A recipe
    with two that was stopped while its autoencoder learnt goes on there when it is run again. `autoencoder_watch` gets
    the autoencoder's events in place of `watch`. Raises like `zoo.train` and `zoo.transfer`."""
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
    if recipe.evaluation is not None:
        plugins.find("metric", recipe.evaluation.metric)
    ae_run = gan_run = None
    if recipe.autoencoder is not None:
        place = autoencoder_out or (out / "autoencoder" if both else out)
        ae_run = _learnt(recipe, place, watch if autoencoder_watch is None else autoencoder_watch, track)
    if recipe.gan is None:
        return Outcome(ae_run)
    source = _source(recipe.transfer, ae_run) if recipe.transfer is not None else None
    images = _images(recipe, source)
    start = _start(recipe, recipe.gan, images, source, watch)
    gan_run = train(
        start,
        images,
        out=gan_out,
        training=_chosen(recipe.gan.training),
        evaluation=recipe.evaluation,
        engine=recipe.engine,
        seed=recipe.seed,
        name=recipe.name,
        watch=watch,
        track=track,
    )
    return Outcome(ae_run, gan_run, _generate(recipe, gan_run, out), _judge(recipe, gan_run))


def explain_recipe(recipe: Recipe) -> Report:
    """What a recipe's transfer would move, from structure alone. Raises ConfigError when it has none."""
    if recipe.transfer is None or recipe.gan is None:
        raise ConfigError("the recipe transfers nothing", "Give it a [transfer] table.")
    images = None
    if recipe.autoencoder is not None and recipe.transfer.source == "autoencoder":
        source = _begun(recipe.autoencoder) or _compose_autoencoder(
            recipe.autoencoder, _images(recipe).spec, recipe.seed, "meta"
        )
    else:
        source = _source(recipe.transfer, None)
        images = _images(recipe, source) if _strategy(recipe.transfer) == AUTO else None
    return _explained(recipe, source, images)


def _explained(recipe: Recipe, source: Autoencoder, images: ImageSet | None) -> Report:
    assert recipe.gan is not None
    assert recipe.transfer is not None
    shape = recipe.data.shape or source.data.shape
    composed = _compose_gan(recipe.gan, replace(source.data, shape=shape), source, recipe.seed, "meta")
    origin = source.origin.name if source.origin else ""
    report = explain(source, composed, _strategy(recipe.transfer), origin, data=images)
    return report if images is None else replace(report, notes=(*report.notes, *images.notes))


def _learnt(recipe: Recipe, place: Path, watch: Sequence[Watcher], track: Sequence[str]) -> Run:
    """The recipe's autoencoder, trained into `place`; where a GAN is to follow and the same recipe began it there
    before, that run goes on."""
    section = recipe.autoencoder
    assert section is not None
    began = _begun(section)
    images = _images(recipe) if began is None else _images_for(began, recipe)
    model = began or _compose_autoencoder(section, images.spec, recipe.seed)
    words: dict[str, Any] = {"engine": recipe.engine, "seed": recipe.seed, "name": recipe.name}
    if recipe.gan is not None:
        if recipe.transfer is not None and recipe.transfer.source == "autoencoder":
            _explained(recipe, model, None)  # a transfer that does not fit is refused before anything is trained
        wanted = recipe_of_autoencoder(model, section.training, images, **words)
        distributed.join(recipe.engine.device)
        if distributed.any_rank(_begun_before(RunDirectory(place), wanted), torch.device("cpu")):
            return resume(place, watch=watch, track=track)
    return train(model, images, out=place, training=to_plain(section.training), watch=watch, track=track, **words)


def _begun_before(run_dir: RunDirectory, wanted: Recipe) -> bool:
    """Whether a run of the recipe `wanted` lies there. Raises ConfigError for one of another recipe."""
    if not any(run_dir.checkpoints.glob("[0-9]*")):
        return False
    here = {"threads", "engine.device", "engine.accumulate", "engine.when_full"}  # a run may have moved since
    found = [change for change in changes(run_dir.recipe(), wanted) if change.key not in here]
    if found:
        raise ConfigError(
            f"{run_dir.folder} holds the autoencoder of another command: {told(found)}",
            "Give the command that began it, or choose another --out.",
        )
    return True


def _chosen(training: AdversarialTraining) -> dict[str, Any]:
    """The settings that differ from the defaults: a strategy may set the others."""
    defaults = to_plain(AdversarialTraining())
    return {key: value for key, value in to_plain(training).items() if value != defaults.get(key)}


def _images(recipe: Recipe, source: Autoencoder | None = None) -> ImageSet:
    section = recipe.data
    like = source.data if source is not None else None
    if like is not None and section.shape is not None:
        like = replace(like, shape=section.shape)  # the transfer's bridges take care of the difference
    if like is None and section.low is not None and section.high is not None and section.shape is not None:
        like = DataSpec(section.shape, section.low, section.high, background=section.background)
    shape = None if like is not None else section.shape
    images = open_images(
        section.source,
        like=like,
        shape=shape,
        prepare=section.prepare,
        limit=section.limit,
        strict=section.strict,
        stream=section.stream,
    )
    return select(images, section.select)


def _images_for(source: Autoencoder, recipe: Recipe) -> ImageSet:
    """The recipe's images in the source's own shape, whatever shape the GAN is to have."""
    return _images(replace(recipe, data=replace(recipe.data, shape=None)), source)


def _compose_autoencoder(section: AutoencoderSection, data: DataSpec, seed: int, device: str = "cpu") -> Autoencoder:
    return autoencoder(
        section.encoder,
        section.generator,
        bottleneck=section.bottleneck,
        latent_dim=section.latent_dim,
        data=data,
        seed=seed,
        device=device,
    )


def _begun(section: AutoencoderSection) -> Autoencoder | None:
    """The release's autoencoder that training goes on from, if any; its parts are those that the section names, or the
    section names none."""
    if section.source is None:
        return None
    found = _autoencoder_of(section.source)
    if section.origin is not None and found.origin != section.origin:
        raise ConfigError(
            f"{section.source} is not the release that this recipe began with",
            f"That was {section.origin.name} {section.origin.version}, {section.origin.manifest[:19]}...",
        )
    defaults = AutoencoderSection()
    for role, field in (("encoder", "encoder"), ("decoder", "generator"), ("bottleneck", "bottleneck")):
        named = getattr(section, field)
        if named != getattr(defaults, field) and as_part(named) != found.specs[role]:
            raise ConfigError(
                f"[autoencoder] names the {field} {as_part(named).component}, and goes on from {section.source}, whose "
                f"{field} is another {found.specs[role].component}",
                "Leave it out: the parts are the source's own.",
            )
    return found


def _compose_gan(
    section: GanSection, data: DataSpec, source: Autoencoder | None, seed: int, device: str = "cpu"
) -> GAN:
    return gan(
        section.generator,
        section.discriminator,
        like=source,
        prior=section.prior,
        latent_dim=section.latent_dim,
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
    return _autoencoder_of(section.source)


def _autoencoder_of(source: str) -> Autoencoder:
    """A release's, or a run's."""
    found = open_model(source).autoencoder
    if found is None:
        raise TransferError(f"{source} holds no autoencoder", "Choose another source: zoo list")
    return found


def _start(
    recipe: Recipe, section: GanSection, images: ImageSet, source: Autoencoder | None, watch: Sequence[Watcher]
) -> GAN | TransferResult:
    composed = _compose_gan(section, images.spec, source, recipe.seed)
    if source is None or recipe.transfer is None:
        return composed

    def tell(text: str) -> None:
        for watcher in watch:
            watcher(Event("note", 0, section.training.images, {"text": text}))

    return transfer(source, composed, _strategy(recipe.transfer), data=images, seed=recipe.seed, tell=tell)


def _strategy(section: TransferSection):  # type: ignore[no-untyped-def]
    return section.strategy if isinstance(section.strategy, str) else [as_part(part) for part in section.strategy]


def _generate(recipe: Recipe, run: Run, out: Path) -> Path | None:
    if recipe.generate is None or run.gan is None or not run.images.spec.is_image:
        return None
    path = out / "samples.png"
    if not launch.is_rank_zero():
        return path
    samples = run.gan.sample(recipe.generate.count, recipe.generate.seed)
    write_atomically(path, png_bytes(grid(to_uint8(samples, run.images.spec), 8)))
    return path


def _judge(recipe: Recipe, run: Run) -> Verdict | None:
    if recipe.discriminate is None or run.gan is None:
        return None
    rows = run.images.held_out[: recipe.discriminate.count]
    real = run.gan.score(run.images.batch(rows))
    fake = run.gan.score(run.gan.sample(recipe.discriminate.count, recipe.discriminate.seed))
    return Verdict(
        real.mean().item(), fake.mean().item(), (real > 0).float().mean().item(), (fake > 0).float().mean().item()
    )
