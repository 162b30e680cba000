"""Runs: train a model on images into a folder, continue one, open one.

`train` takes an autoencoder, a GAN (from scratch) or what `zoo.transfer` gave, and returns a `Run`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo._utils import distributed, html
from zoo._utils.tensors import pack
from zoo.config import from_plain, to_plain
from zoo.data.batches import Batches
from zoo.data.config import public_source
from zoo.data.grids import grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.data.streamed import batches_of
from zoo.encoding.codes import samples_of
from zoo.errors import ConfigError, IntegrityError, ReleaseError
from zoo.metrics.evaluate import reference
from zoo.metrics.own import refuse_own_features
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.gan import GAN
from zoo.networks.pretrained import origins_of, remember_origins
from zoo.networks.utils import digest
from zoo.registry.load import LoadedRelease, load
from zoo.release.manifest import Manifest
from zoo.training import checkpoint
from zoo.training.autoencoder import AutoencoderTrainer, check_objective
from zoo.training.devices import Engine
from zoo.training.gan import GANTrainer
from zoo.training.image_sample import ImageSample, keep_sample, read_sample, sample_of
from zoo.training.loop import Budget, Callbacks, TrainingLoop
from zoo.training.monitor import TrainingMonitor
from zoo.training.out_of_memory import is_out_of_memory
from zoo.training.provenance import provenance_of, traced_digest
from zoo.training.rebuild import (
    build_networks,
    check_unchanged,
    fork,
    images_of,
    rebuild,
    with_engine,
)
from zoo.training.recipe import (
    AdversarialTraining,
    AutoencoderTraining,
    EngineSection,
    EvaluationSection,
    Recipe,
    write_recipe,
)
from zoo.training.recipe_of import images_for, recipe_of_autoencoder, recipe_of_gan
from zoo.training.recipe_parts import migrated
from zoo.training.release import Trained, write_pair
from zoo.training.run_dir import RECIPE, REPORT, RunDirectory, is_run
from zoo.training.sources import (
    FIRST_STAGE,
    first_stage_of,
    further_of,
    kept_sources,
    source_of,
)
from zoo.training.summary import MetricHistory, kid_curve, loss_curve, newest_grid, summarise
from zoo.training.task import losses_of, with_requests
from zoo.training.trainer import monitor_for, restore
from zoo.training.watchers import joined, trackers
from zoo.transfers.apply import TransferResult
from zoo.transfers.plan import FurtherSource, TransferPlan
from zoo.types import Event, Metric, RunFacts, TrainedBy, Watcher

__all__ = ["Run", "open_model", "open_run", "resume", "train"]


@dataclass(frozen=True)
class Run:
    """A run's folder with its networks: a GAN (its generator averaged), the autoencoder it came from, or both."""

    folder: Path
    recipe: Recipe
    shown: int
    autoencoder: Autoencoder | None
    gan: GAN | None
    opened: ImageSet | None = field(default=None, repr=False, compare=False)

    @functools.cached_property
    def images(self) -> ImageSet:
        """The images that it was trained on, opened on first use. Raises ConfigError if they are no longer the same."""
        return self.opened or images_of(self.recipe.data)

    @functools.cached_property
    def samples(self) -> ImageSet:
        """What the model learnt: the images, or their codes in its first stage."""
        model = self.gan or self.autoencoder
        assert model is not None, "a run trains an autoencoder or a GAN"
        return samples_of(self.images, model.first_stage)

    @functools.cached_property
    def further(self) -> dict[str, FurtherSource]:
        """The further sources of its transfer by name, as they were when it began. Raises IntegrityError or
        TransferError."""
        transfer = migrated(self.recipe).transfer
        return further_of(transfer, self.folder) if transfer is not None else {}

    @property
    def image_sample(self) -> ImageSample:
        """A few held-out images, as the run kept them; of a run of earlier versions, from its images."""
        return read_sample(self.folder, self.recipe) or sample_of(self.samples, self.recipe)

    @property
    def metrics(self) -> MetricHistory:
        """What was measured along the way, by images shown."""
        return MetricHistory(
            (int(event["shown"]), tuple(from_plain(Metric, row, "events.jsonl") for row in event["metrics"]))
            for event in RunDirectory(self.folder).events("metrics")
        )

    @property
    def report(self) -> list[dict[str, Any]]:
        """The origin of each tensor; empty for a run from scratch. Raises IntegrityError."""
        return RunDirectory(self.folder).report()

    def best(self) -> Run:
        """The run at the checkpoint whose figure, the one that its recipe names, is the best. Raises ConfigError if
        nothing was measured."""
        return open_run(self.folder, best=True)

    def release(
        self, folder: str | Path, *, license: str, name: str | None = None, version: str = "0.1.0", best: bool = False
    ) -> Manifest:
        """Write the run as a release folder, with what was measured of just these weights; see
        `zoo.training.release.write_pair`. `best` takes the best checkpoint in place of the last one. Raises
        ReleaseError if the last one is that of the beginning: nothing was trained, or training diverged since."""
        run = self.best() if best else self
        if run.shown == 0 and not best:
            why = summarise(self.folder).error
            raise ReleaseError(
                f"nothing was trained in {self.folder}{f' ({why})' if why else ''}: its last checkpoint is of 0 images",
                f"Continue it: zoo resume {self.folder}; or release the best one that was measured, with --best.",
            )
        trained = Trained(
            run.autoencoder,
            run.gan,
            run.image_sample,
            run.recipe,
            run.shown,
            run.report,
            run.metrics.get(run.shown, ()),
            provenance_of(RunDirectory(run.folder).lines(), run.shown),
        )
        return write_pair(trained, folder, license=license, name=name, version=version)

    def _repr_html_(self) -> str:
        parts = self.recipe.transfer.strategies if self.recipe.transfer is not None else ()
        sample = read_sample(self.folder, self.recipe)
        pictures = {
            "newest samples": newest_grid(self.folder),
            "KID over images shown": kid_curve([self.folder]),
            "losses over images shown": loss_curve(self.folder),
        }
        rows = [
            ("run", self.folder),
            ("images shown", f"{self.shown:,}"),
            ("strategy", "+".join(part.component for part in parts) or "none"),
            ("data", public_source(self.recipe.data.source) if sample is None else sample.name),
        ]
        drawn = "".join(html.picture(png, alt) for alt, png in pictures.items() if png is not None)
        return html.facts_table(rows) + self.metrics._repr_html_() + drawn


def train(
    model: Autoencoder | GAN | TransferResult,
    data: str | Path | ImageSet,
    *,
    out: str | Path,
    images: int | None = None,
    training: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | EvaluationSection | None = None,
    engine: Mapping[str, Any] | EngineSection | None = None,
    seed: int = 0,
    name: str = "untitled",
    watch: Sequence[Watcher] = (),
    track: Sequence[str] = (),
) -> Run:
    """Train `model` on `data` until `images` were shown, writing the run into the folder `out`.

    `training` sets fields of AutoencoderTraining or AdversarialTraining, `evaluation` those of EvaluationSection
    (GANs only; without it nothing is measured), `engine` those of EngineSection: device, precision, accumulation.
    `seed` fixes the order of the data, the codes and the noise. The weights in `model` are the start and are trained in
    place. `watch` gets every event; `track` names plugins that get them too (`tensorboard`, `trackio`).

    Raises ConfigError, DataError, Diverged, OutOfMemory, StorageError, and `Interrupted` (a KeyboardInterrupt) after
    Ctrl-C; continue with `resume`.
    """
    settings = dict(training or {}) | ({} if images is None else {"images": images})
    net = model.gan if isinstance(model, TransferResult) else model
    image_set = images_for(net, _open(data, net.output))
    run_dir = RunDirectory(Path(out), tuple(watch))
    section = engine if isinstance(engine, EngineSection) else from_plain(EngineSection, engine or {}, "engine")
    runner = Engine(section)
    facts: dict[str, Any] = {"seed": seed, "name": name, "engine": section}
    with run_dir.locked():
        if isinstance(model, Autoencoder):
            chosen = from_plain(AutoencoderTraining, settings, "training")
            runner.micro_batches(chosen.batch)
            check_objective(model, chosen)
            recipe = recipe_of_autoencoder(model, chosen, image_set, **facts)
        else:
            plan = model.plan if isinstance(model, TransferResult) else TransferPlan(model)
            chosen_gan = from_plain(AdversarialTraining, with_requests(settings, plan), "training")
            runner.micro_batches(chosen_gan.batch)
            losses_of(plan, chosen_gan)
            recipe = recipe_of_gan(model, chosen_gan, _evaluation(evaluation), image_set, **facts)
        _track(run_dir, recipe, track)
        run_dir.require_free()
        samples = _samples(image_set, net.first_stage, runner, watch)
        run_dir.begin(recipe)
        if net.first_stage is not None:
            run_dir.keep(FIRST_STAGE, pack(net.first_stage.autoencoder.state_dict(), {}))
        trainer: AutoencoderTrainer | GANTrainer
        if isinstance(model, Autoencoder):
            model.origin = model.trained_by = None  # its weights are no longer those, but its licence's terms stay
            trainer = AutoencoderTrainer(model, samples, chosen, seed, runner)
        else:
            _keep_transfer(model, run_dir, image_set, chosen_gan.images)
            trainer = GANTrainer(plan, samples, chosen_gan, seed, runner)
        sources = [model.source, *model.further.values()] if isinstance(model, TransferResult) else []
        sources += [net.first_stage.autoencoder] if net.first_stage is not None else []
        recipe = replace(recipe, pretrained=origins_of(*sources, *trainer.modules.values()))
        if recipe.pretrained:
            run_dir.keep(RECIPE, write_recipe(recipe))
        keep_sample(run_dir, samples, recipe)
        return _go(trainer, recipe, run_dir, image_set, fresh=True)


def resume(
    folder: str | Path,
    *,
    override: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    engine: Mapping[str, Any] | None = None,
    watch: Sequence[Watcher] = (),
    track: Sequence[str] = (),
) -> Run:
    """Continue a run from its last checkpoint, as if nothing had happened; the transfer's source is not touched.
    `engine` says where and in how many parts it goes on (`device`, `accumulate`, `when_full`); the run's recipe keeps
    that for the next time.

    With `override` (settings by dotted key, such as `gan.training.images`, or a training setting alone) the run in
    `folder` stays as it is and a new one in `out` goes on from its checkpoint; its recipe says where it comes from.

    Raises ConfigError when the folder holds no run, when its recipe or its images are not those that it began with, and
    when another process is training in it.
    """
    run_dir = RunDirectory(Path(folder), tuple(watch))
    recipe = run_dir.recipe()
    if override or out is not None:
        if not override or out is None:
            raise ConfigError(
                "a new run needs both: what is to change, and its folder", "--override images=200000 --out NEW"
            )
        child, changed = RunDirectory(Path(out), tuple(watch)), override
        distributed.join((engine or {}).get("device") or override.get("engine.device") or recipe.engine.device)
        with child.locked():
            recipe = distributed.rank_zero_first(lambda: fork(run_dir, changed, child), child.recipe)
            return _go_on(recipe, child, engine, track)
    with run_dir.locked():
        recipe = run_dir.recipe()  # as it is now that no other process may change it
        check_unchanged(run_dir, recipe, checkpoint.latest_whole(run_dir.checkpoints)[0].state)
        return _go_on(recipe, run_dir, engine, track)


def open_run(folder: str | Path, *, best: bool = False) -> Run:
    """A run at its last checkpoint, finished or not, or at its best one. Its images are opened when they are first
    used. Raises ConfigError if the folder holds no run."""
    run_dir = RunDirectory(Path(folder))
    recipe = run_dir.recipe()
    path = _best_of(run_dir, recipe) if best else checkpoint.latest_checkpoint(run_dir.checkpoints)
    saved = checkpoint.load(path)
    check_unchanged(run_dir, recipe, saved.state)
    model = build_networks(recipe, saved.tensors, first_stage_of(recipe, run_dir.folder))
    return _run(model, recipe, run_dir.folder, saved.shown)


def _best_of(run_dir: RunDirectory, recipe: Recipe) -> Path:
    by = _best(recipe)
    for one in checkpoint.all_checkpoints(run_dir.checkpoints):
        checkpoint.read_state(one)  # a damaged one may be the best
    path = checkpoint.best(run_dir.checkpoints, by) if by else None
    if path is None:
        raise ConfigError(
            f"{run_dir.folder} has no best checkpoint: no {by.metric if by else 'metric'} was measured so far",
            "Measure along the way: zoo train ... --metric judge --every 10000",
        )
    return path


def _best(recipe: Recipe) -> checkpoint.Best | None:
    section = recipe.evaluation
    return None if section is None else checkpoint.Best(section.best, section.better)


def _track(run_dir: RunDirectory, recipe: Recipe, names: Sequence[str]) -> None:
    if run_dir.silent:
        return
    facts = RunFacts(run_dir.folder, recipe.name, to_plain(recipe))
    run_dir.watchers += trackers(names, facts, run_dir.write)


def _keep_transfer(model: GAN | TransferResult, run_dir: RunDirectory, images: ImageSet, total: int) -> None:
    """Write what a transfer's run keeps: its sources, the origin of each tensor, and the notes as events."""
    if not isinstance(model, TransferResult):
        return
    for name, weights in kept_sources(model).items():
        run_dir.keep(name, weights)
    run_dir.keep(REPORT, json.dumps(model.report.plain()).encode())
    for note in (*images.notes, *model.report.notes):
        run_dir.write(Event("note", 0, total, {"text": note}))


def _go_on(recipe: Recipe, run_dir: RunDirectory, engine: Mapping[str, Any] | None, track: Sequence[str]) -> Run:
    recipe = with_engine(recipe, engine or {})
    _track(run_dir, recipe, track)
    images, first_stage = images_of(recipe.data), first_stage_of(recipe, run_dir.folder)
    if recipe.threads is not None:
        torch.set_num_threads(recipe.threads)  # another thread count rounds differently
    samples = _samples(images, first_stage, Engine(recipe.engine), run_dir.watchers)
    trainer = rebuild(recipe, samples, first_stage)  # refused before the recipe is written
    if engine:
        run_dir.keep(RECIPE, write_recipe(recipe))
    if not run_dir.silent and read_sample(run_dir.folder, recipe) is None:
        keep_sample(run_dir, samples, recipe)
    return _go(trainer, recipe, run_dir, images, fresh=False)


def _samples(images: ImageSet, first_stage: FirstStage | None, engine: Engine, watch: Sequence[Watcher]) -> ImageSet:
    """What a run learns. Its first stage is brought to the engine's device, where it also decodes."""
    if first_stage is not None:
        first_stage.autoencoder.to(engine.device)
    return samples_of(images, first_stage, joined(watch))


def _go(
    trainer: AutoencoderTrainer | GANTrainer, recipe: Recipe, run_dir: RunDirectory, images: ImageSet, *, fresh: bool
) -> Run:
    """Train to the end, from the last checkpoint unless the run is a fresh one."""
    training = trainer.training
    batches = batches_of(trainer.images, trainer.rows, training.batch, trainer.streams["data"])
    watch = monitor_for(trainer, training.images)
    shown = 0
    if not fresh:
        shown = _restore_latest(trainer, batches, watch, run_dir)
        if not run_dir.silent:
            checkpoint.prune(run_dir.checkpoints, _best(recipe))
    run_dir.tidy()
    evaluate = _no_figures if run_dir.silent else _evaluator(trainer, recipe, images)

    model: Autoencoder | GAN = trainer.model if isinstance(trainer, AutoencoderTrainer) else trainer.gan

    def draw(samples: Tensor, at: int) -> None:
        if model.output.is_image:
            path = run_dir.sample_path(at).relative_to(run_dir.folder)
            run_dir.keep(str(path), png_bytes(grid(to_uint8(model.to_output(samples), model.output), 8)))

    def keep(
        at: int, tensors: dict[str, Tensor], progress: checkpoint.Progress, metrics: Sequence[Mapping[str, Any]]
    ) -> None:
        plain, by = to_plain(recipe), _best(recipe)
        checkpoint.save(run_dir.checkpoints, at, tensors, progress, plain, metrics=metrics, by=by)

    budget = Budget(
        training.images, training.checkpoint_every, training.sample_every, _evaluation_points(recipe, training.images)
    )
    with run_dir.record_outcome(training.images):
        callbacks = Callbacks(draw, evaluate, keep)
        shown = TrainingLoop(trainer, batches, budget, run_dir, watch, callbacks, shown=shown).run()
    for module in trainer.modules.values():
        module.cpu()
    if model.first_stage is not None:
        model.first_stage.autoencoder.cpu()
    model = trainer.model if isinstance(trainer, AutoencoderTrainer) else trainer.averaged_gan()
    return _run(model.eval(), recipe, run_dir.folder, shown, images)


def _restore_latest(
    trainer: AutoencoderTrainer | GANTrainer, batches: Batches, watch: TrainingMonitor, run_dir: RunDirectory
) -> int:
    """Bring a trainer to the newest checkpoint that is whole, and the run's folder with it; returns the images shown.
    Raises TrainingError or IntegrityError."""
    saved, damaged = checkpoint.latest_whole(run_dir.checkpoints)
    try:
        shown = restore(trainer, batches, watch, saved)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        what = f"the checkpoint of {saved.shown:,} images in {run_dir.folder} does not fit its recipe"
        raise IntegrityError(f"{what}: {str(error).splitlines()[0]}", "Begin the run again.") from error
    run_dir.forget_after(shown, trainer.training.images)
    run_dir.write_damaged(damaged, shown, trainer.training.images)  # before they are out of sight
    if not run_dir.silent:
        checkpoint.set_aside(run_dir.checkpoints, shown)
    if shown and not any(event["shown"] == shown for event in run_dir.events("checkpoint")):
        # a kill came between the two
        run_dir.write_checkpoint(shown, trainer.training.images, traced_digest(trainer.modules))
    return shown


def _evaluator(
    trainer: AutoencoderTrainer | GANTrainer, recipe: Recipe, images: ImageSet
) -> Callable[[int], dict[str, Any]]:
    """A function that measures the GAN as the recipe says."""
    section = recipe.evaluation
    if section is None or not isinstance(trainer, GANTrainer):
        return _no_figures
    judge = reference(images, section.metric, device=trainer.engine.device)
    refuse_own_features(judge.space, trainer.modules, recipe.pretrained, judge.extractor)

    def evaluate(shown: int) -> dict[str, Any]:
        samples = trainer.averaged_gan().sample(section.samples, seed=recipe.seed)
        return {"metrics": [to_plain(figure) for figure in judge.measure(samples)]}

    return evaluate


def _no_figures(shown: int) -> dict[str, Any]:
    return {"metrics": []}


def _run(model: Autoencoder | GAN, recipe: Recipe, folder: Path, shown: int, images: ImageSet | None = None) -> Run:
    remember_origins(model, recipe.pretrained)
    if isinstance(model, Autoencoder):
        began = recipe.autoencoder.origin if recipe.autoencoder is not None else None
        model.origin = replace(began, adapted=began.adapted + shown) if began is not None else None
        model.license = recipe.autoencoder.license if recipe.autoencoder is not None else ""
        model.trained_by = TrainedBy(to_plain(recipe), digest(model))
        return Run(folder, recipe, shown, model, None, images)
    return Run(folder, recipe, shown, source_of(migrated(recipe), folder, model.first_stage), model, images)


def _open(data: str | Path | ImageSet, like: Any) -> ImageSet:
    images = data if isinstance(data, ImageSet) else open_images(data, like=like)
    ours, theirs = images.spec, like
    if not ours.same_values(theirs):
        raise ConfigError(
            f"{images.name} is prepared as {ours}, the model takes {theirs}",
            "Open the images with like=model.data, or give their name or folder.",
        )
    return images


def _evaluation(evaluation: Mapping[str, Any] | EvaluationSection | None) -> EvaluationSection | None:
    if evaluation is None or isinstance(evaluation, EvaluationSection):
        return evaluation
    return from_plain(EvaluationSection, evaluation, "evaluation")


def _evaluation_points(recipe: Recipe, images: int) -> tuple[int, ...]:
    if recipe.evaluation is None:
        return ()
    every = recipe.evaluation.every
    regular = range(0, images + 1, every) if every else ()
    asked = {at for at in (*regular, *recipe.evaluation.at) if at <= images}
    return tuple(sorted(asked or {images}))


def open_model(name: str | Path) -> LoadedRelease | Run:
    """A release by name, address or folder, or a run's folder: every byte of a release is checked. Raises what
    `zoo.load` and `zoo.open_run` raise."""
    return open_run(name) if is_run(Path(name)) else load(name)
