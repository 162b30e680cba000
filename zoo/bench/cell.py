"""One run of a suite, made in whatever process calls: begun, gone on with, or found finished."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from zoo._utils.files import write_atomically
from zoo._utils.strict_json import dump_json
from zoo.bench.suite import Cell, Suite, begins_with, data_of, spec_of, training_of
from zoo.config import to_plain
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.split import select
from zoo.errors import ConfigError, Diverged, TrainingError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import as_part, autoencoder, gan
from zoo.networks.gan import GAN
from zoo.registry.load import load
from zoo.training.api import Run, open_run, resume, train
from zoo.training.checkpoint import latest
from zoo.training.watchers import Cost, CostWatch, costs, kept_cost
from zoo.transfers.apply import TransferResult, transfer
from zoo.types import Watcher

__all__ = ["Result", "read_result", "refuse_other", "run_cell"]

_RESULT = "result.json"
_SPEC = "cell.json"
_RUN = "run"


@dataclass(frozen=True)
class Result:
    """How a cell ended: `done` or `diverged`, what it took in all, the digest of its recipe and what was measured.

    `measured` holds, per count of images shown, the cost so far and the figures.
    """

    status: str
    cost: Cost
    recipe: str
    images: int
    measured: list[dict[str, Any]]
    error: str = ""


def read_result(root: Path, cell: Cell) -> Result | None:
    """A finished cell's result; None while it is not finished."""
    path = root / cell.id / _RESULT
    if not path.is_file():
        return None
    held = json.loads(path.read_text("utf-8"))
    return Result(**{**held, "cost": Cost(**held["cost"])})


def run_cell(suite: Suite, root: Path, cell: Cell, watch: Sequence[Watcher] = ()) -> Result:
    """Make the cell's run in `root`, or go on with it; a finished one is only read.

    A run that diverges is a result like any other. Raises what composing, transferring and storing raise.
    """
    refuse_other(suite, root, cell)
    finished = read_result(root, cell)
    if finished is not None:
        return finished
    torch.set_num_threads(suite.threads)
    folder = root / cell.id / _RUN
    write_atomically(root / cell.id / _SPEC, dump_json(spec_of(suite, cell)))
    kept = _unfinished(folder)
    try:
        if kept is not None:
            _, spent = kept
            run = resume(folder, watch=[CostWatch(folder, spent, costs(folder)), *watch])
        else:
            run = _begin(suite, root, cell, folder, watch)
        status, error = "done", ""
        figures = {shown: [to_plain(metric) for metric in row] for shown, row in run.metrics.items()}
        if run.autoencoder is not None and cell.stage == "autoencoder":
            figures[run.shown] = [_reconstruction(run.autoencoder, run.images)]
        shown = run.shown
    except Diverged as failure:
        run = open_run(folder)
        status, error, shown = "diverged", str(failure), run.shown
        figures = {at: [to_plain(metric) for metric in row] for at, row in run.metrics.items()}
    spent_at = costs(folder)
    total = kept_cost(folder)[1]
    result = Result(
        status,
        total,
        hashlib.sha256((folder / "recipe.toml").read_bytes()).hexdigest(),
        shown,
        [
            {"images": at, "cost": asdict(spent_at.get(at, total)), "metrics": rows}
            for at, rows in sorted(figures.items())
        ],
        error,
    )
    write_atomically(root / cell.id / _RESULT, json.dumps(asdict(result)).encode())
    return result


def refuse_other(suite: Suite, root: Path, cell: Cell) -> None:
    """Refuse what an edited suite would silently mix with the runs of the old one. Raises ConfigError."""
    path = root / cell.id / _SPEC
    if path.is_file() and path.read_bytes() != dump_json(spec_of(suite, cell)):
        raise ConfigError(
            f"{path.parent} was made with other settings than the suite now has",
            "Remove that folder, or give the suite another --out.",
        )


def _begin(suite: Suite, root: Path, cell: Cell, folder: Path, watch: Sequence[Watcher]) -> Run:
    if folder.exists():
        shutil.rmtree(folder)  # killed before its first checkpoint, or between a checkpoint and its cost
    images = _images(suite, cell)
    architecture = suite.architectures[cell.architecture]
    if cell.stage == "autoencoder":
        begins = begins_with(suite, cell)
        model = None if begins is None else open_run(root / begins.id / _RUN).autoencoder
        model = model or autoencoder(
            architecture.encoder,
            architecture.generator,
            bottleneck=architecture.bottleneck,
            latent_dim=architecture.latent_dim,
            data=images.spec,
            seed=cell.seed,
        )
        settings = dict(suite.autoencoders[cell.autoencoder].training)
        settings.setdefault("sample_every", settings.get("images", 300_000))
        return train(
            model,
            images,
            out=folder,
            training=settings,
            seed=cell.seed,
            name=_name(cell),
            watch=[CostWatch(folder), *watch],
        )
    source = _source(suite, root, cell)
    composed = gan(
        architecture.generator or as_part(architecture.encoder).component,
        architecture.discriminator or architecture.encoder,
        latent_dim=architecture.latent_dim,
        data=images.spec,
        seed=cell.seed,
    )
    began = Cost.now()
    start = _start(suite, cell, source, composed, images)
    before = Cost.now() - began
    settings = training_of(suite, cell)
    total = settings.get("images", 100_000)
    settings.setdefault("sample_every", total)
    measuring = suite.measuring
    return train(
        start,
        images,
        out=folder,
        training=settings,
        evaluation={"metric": measuring.metric, "samples": measuring.samples, "at": list(measuring.at(total))},
        seed=cell.seed,
        name=_name(cell),
        watch=[CostWatch(folder, before), *watch],
    )


def _start(
    suite: Suite, cell: Cell, source: Autoencoder | None, composed: GAN, images: ImageSet
) -> GAN | TransferResult:
    strategy = suite.arms[cell.arm].strategy
    if source is None or strategy is None:
        return composed
    parts = strategy if isinstance(strategy, str) else [as_part(part) for part in strategy]
    return transfer(source, composed, parts, data=images, seed=cell.seed)


def _source(suite: Suite, root: Path, cell: Cell) -> Autoencoder | None:
    """The autoencoder to transfer from: a release's, or the one that this suite trained."""
    if not cell.autoencoder:
        return None
    release = suite.autoencoders[cell.autoencoder].release
    found = load(release).autoencoder if release is not None else open_run(root / cell.source / _RUN).autoencoder
    if found is None:
        raise TransferError(f"{release} holds no autoencoder", "Choose another source: zoo list")
    return found


def _images(suite: Suite, cell: Cell) -> ImageSet:
    entry = data_of(suite, cell)
    return select(open_images(entry.source, shape=entry.shape), entry.select)


def _unfinished(folder: Path) -> tuple[int, Cost] | None:
    """Where a run stopped and what it had cost; None where it must begin anew."""
    if not (folder / "recipe.toml").is_file():
        return None
    shown, spent = kept_cost(folder)
    try:
        at = int(latest(folder / "checkpoints").name)
    except TrainingError:
        return None
    return (shown, spent) if at == shown else None


def _reconstruction(model: Autoencoder, images: ImageSet) -> dict[str, Any]:
    """The squared error on held-out images, over their variance."""
    x = images.batch(images.held_out[:1000])
    error = (model.reconstruct(x) - x).square().mean() / x.var(0, unbiased=False).mean().clamp(min=1e-12)
    return {"name": "reconstruction_error", "value": error.item(), "n": len(x), "reference": len(x)}


def _name(cell: Cell) -> str:
    return cell.id.replace("/", "-")
