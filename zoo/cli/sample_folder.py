"""zoo sample --folder: samples as training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from zoo.cli import options, progress, show
from zoo.errors import ConfigError

__all__ = ["FolderImages", "write_folder"]

_COUNT = 5000
_BLIND = 0.55
"""A score that puts fewer pairs in order than this tells nothing."""


@dataclass(frozen=True)
class FolderImages:
    """The images that samples are compared with, and how samples are rejected."""

    data: str | None
    labels: str | None
    metric: str
    reject: str | None
    device: str | None


def write_folder(
    name: str,
    folder: Path,
    count: int | None,
    given: FolderImages,
    drawn: Mapping[str, Any],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the samples of a release or run into a folder, and say what was done."""
    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.metrics.evaluate import feature_space
    from zoo.sampling.folder import write_samples
    from zoo.training.devices import choose

    if given.reject is not None and given.data is None:
        raise click.UsageError("--reject needs --data: the images that the GAN learnt")
    model = options.open_model(name, given.device)
    if model.gan is None:
        raise ConfigError(f"{name} holds no GAN, only an autoencoder", options.GIVE_ON.format(name))
    images, space = None, None
    if given.data is not None:
        config = DataConfig(given.data, labels=given.labels or "auto", condition=model.gan.condition)
        images = open_data(config, like=model.gan.output)
        show.skipped(images.skipped)
        space = feature_space(given.metric, choose(given.device or "auto"))
    with progress.stepping("sampling", quiet or as_json) as tell:
        done = write_samples(
            model,
            folder,
            count or _COUNT,
            reject=given.reject or "none",
            images=images,
            space=space,
            progress=tell,
            **drawn,
        )
    right = done.by_score.right if done.by_score is not None else None
    if as_json:
        facts = {"folder": str(folder), "count": done.kept, "drawn": done.drawn}
        show.print_json(facts if right is None else {**facts, "right": round(right, 4)})
    elif quiet:
        show.print_lines([folder])
    else:
        of = f" of {done.drawn:,} drawn" if given.reject else ""
        click.echo(f"{folder}: {done.kept:,} images{of}, and metadata.csv")
        if right is not None:
            click.echo(_of_score(right))


def _of_score(right: float) -> str:
    text = f"The score tells a real image from a sample in {right:.0%} of pairs"
    return f"{text}; chance is 50%, so rejection hardly helps here." if right < _BLIND else f"{text}."
