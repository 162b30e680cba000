"""One run of a suite in the calling process: started, resumed, or read if it is finished."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from zoo.plugin import (
    GAN,
    Autoencoder,
    ConfigError,
    Cost,
    CostWatch,
    Diverged,
    ImageSet,
    Run,
    TrainingError,
    TransferError,
    TransferResult,
    Watcher,
    as_part,
    autoencoder,
    dump_json,
    gan,
    latest_checkpoint,
    load,
    open_images,
    open_run,
    read_costs,
    read_spent,
    resume,
    select_images,
    to_plain,
    train,
    transfer,
    write_atomically,
)
from zoo_bench.suite import RunSpec, Suite, data_of, inputs_of, parent_of, training_of

__all__ = ["RunResult", "check_unchanged", "read_result", "run_one"]

_RESULT = "result.json"
_INPUTS = "cell.json"
_RUN = "run"


@dataclass(frozen=True)
class RunResult:
    """How a run ended: `status` is done or diverged, `cost` the total, `recipe` the digest of its recipe.

    `measured` holds, per count of images shown, the cost up to then and the metrics.
    """

    status: str
    cost: Cost
    recipe: str
    images: int
    measured: list[dict[str, Any]]
    error: str = ""


def read_result(root: Path, spec: RunSpec) -> RunResult | None:
    """The result of a run; None until it is finished."""
    path = root / spec.id / _RESULT
    if not path.is_file():
        return None
    plain = json.loads(path.read_text("utf-8"))
    return RunResult(**{**plain, "cost": Cost(**plain["cost"])})


def run_one(suite: Suite, root: Path, spec: RunSpec, watch: Sequence[Watcher] = ()) -> RunResult:
    """Make the run in `root`, or resume it; the result of a finished one is read.

    A run that diverges has a result like any other. Raises what composing, transferring and storing raise.
    """
    check_unchanged(suite, root, spec)
    finished = read_result(root, spec)
    if finished is not None:
        return finished
    torch.set_num_threads(suite.threads)
    folder = root / spec.id / _RUN
    write_atomically(root / spec.id / _INPUTS, dump_json(inputs_of(suite, spec)))
    spent = _cost_at_checkpoint(folder)
    try:
        if spent is not None:
            run = resume(folder, watch=[CostWatch(folder, spent, read_costs(folder)), *watch])
        else:
            run = _start(suite, root, spec, folder, watch)
        status, error = "done", ""
        figures = {shown: [to_plain(metric) for metric in row] for shown, row in run.metrics.items()}
        if run.autoencoder is not None and spec.stage == "autoencoder":
            figures[run.shown] = [_reconstruction(run.autoencoder, run.images)]
        shown = run.shown
    except Diverged as failure:
        run = open_run(folder)
        status, error, shown = "diverged", str(failure), run.shown
        figures = {at: [to_plain(metric) for metric in row] for at, row in run.metrics.items()}
    spent_at = read_costs(folder)
    total = read_spent(folder)[1]
    result = RunResult(
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
    write_atomically(root / spec.id / _RESULT, json.dumps(asdict(result)).encode())
    return result


def check_unchanged(suite: Suite, root: Path, spec: RunSpec) -> None:
    """Raises ConfigError if the folder of the run was made with other settings than the suite now has."""
    path = root / spec.id / _INPUTS
    if path.is_file() and path.read_bytes() != dump_json(inputs_of(suite, spec)):
        raise ConfigError(
            f"{path.parent} was made with other settings than the suite now has",
            "Remove that folder, or give the suite another --out.",
        )


def _start(suite: Suite, root: Path, spec: RunSpec, folder: Path, watch: Sequence[Watcher]) -> Run:
    if folder.exists():
        shutil.rmtree(folder)  # killed before its first checkpoint, or between a checkpoint and its cost
    images = _images(suite, spec)
    architecture = suite.architectures[spec.architecture]
    if spec.stage == "autoencoder":
        parent = parent_of(suite, spec)
        model = None if parent is None else open_run(root / parent.id / _RUN).autoencoder
        model = model or autoencoder(
            architecture.encoder,
            architecture.generator,
            bottleneck=architecture.bottleneck,
            code_shape=architecture.code_shape,
            data=images.spec,
            seed=spec.seed,
        )
        settings = dict(suite.autoencoders[spec.autoencoder].training)
        settings.setdefault("sample_every", settings.get("images", 300_000))
        return train(
            model,
            images,
            out=folder,
            training=settings,
            seed=spec.seed,
            name=_name(spec),
            watch=[CostWatch(folder), *watch],
        )
    source = _source(suite, root, spec)
    composed = gan(
        architecture.generator or as_part(architecture.encoder).component,
        architecture.discriminator or architecture.encoder,
        code_shape=architecture.code_shape,
        data=images.spec,
        seed=spec.seed,
    )
    started = Cost.now()
    initial = _transferred(suite, spec, source, composed, images)
    transfer_cost = Cost.now() - started
    settings = training_of(suite, spec)
    total = settings.get("images", 100_000)
    settings.setdefault("sample_every", total)
    measuring = suite.measuring
    return train(
        initial,
        images,
        out=folder,
        training=settings,
        evaluation={"metric": measuring.metric, "samples": measuring.samples, "at": list(measuring.at(total))},
        seed=spec.seed,
        name=_name(spec),
        watch=[CostWatch(folder, transfer_cost), *watch],
    )


def _transferred(
    suite: Suite, spec: RunSpec, source: Autoencoder | None, composed: GAN, images: ImageSet
) -> GAN | TransferResult:
    strategy = suite.arms[spec.arm].strategy
    if source is None or strategy is None:
        return composed
    parts = strategy if isinstance(strategy, str) else [as_part(part) for part in strategy]
    return transfer(source, composed, parts, data=images, seed=spec.seed)


def _source(suite: Suite, root: Path, spec: RunSpec) -> Autoencoder | None:
    """The autoencoder to transfer from: a release's, or one that this suite trained."""
    if not spec.autoencoder:
        return None
    release = suite.autoencoders[spec.autoencoder].release
    source = load(release).autoencoder if release is not None else open_run(root / spec.source / _RUN).autoencoder
    if source is None:
        raise TransferError(f"{release} holds no autoencoder", "Choose another source: zoo list")
    return source


def _images(suite: Suite, spec: RunSpec) -> ImageSet:
    entry = data_of(suite, spec)
    return select_images(open_images(entry.source, shape=entry.shape), entry.select)


def _cost_at_checkpoint(folder: Path) -> Cost | None:
    """What an unfinished run had cost at its last checkpoint; None if it must start again."""
    if not (folder / "recipe.toml").is_file():
        return None
    shown, spent = read_spent(folder)
    try:
        at = int(latest_checkpoint(folder / "checkpoints").name)
    except TrainingError:
        return None
    return spent if at == shown else None


def _reconstruction(model: Autoencoder, images: ImageSet) -> dict[str, Any]:
    """The squared error on held-out images, over their variance."""
    x = images.batch(images.held_out[:1000])
    error = (model.reconstruct(x) - x).square().mean() / x.var(0, unbiased=False).mean().clamp(min=1e-12)
    return {"name": "reconstruction_error", "value": error.item(), "n": len(x), "reference": len(x)}


def _name(spec: RunSpec) -> str:
    return spec.id.replace("/", "-")
