"""zoo evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, show

__all__ = ["evaluate"]

_PICTURED = 32


@click.command()
@click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
@options.data
@click.option(
    "--metric",
    default="judge",
    show_default=True,
    shell_complete=completing.complete_component("metric"),
    help="The feature space: a metric component.",
)
@click.option(
    "-n", "count", type=click.IntRange(2, 1_000_000), default=2000, show_default=True, help="How many samples."
)
@click.option(
    "--split",
    type=click.Choice(["held-out", "train"]),
    default="held-out",
    show_default=True,
    help="The real images to compare with.",
)
@click.option(
    "--picture",
    "-o",
    type=click.Path(path_type=Path),
    help="Draw samples, each beside the image to learn from that is nearest to it.",
)
@click.option(
    "--write",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Write the release NAME with these figures into the new FOLDER.",
)
@click.option("--version", help="The version of what --write writes, which must be new.")
@click.option("--by-class", is_flag=True, help="Measure each class, and what a classifier learns from the samples.")
@options.labels
@options.seed
@options.device
@options.json_option
def evaluate(
    name: str,
    data: str,
    metric: str,
    count: int,
    split: str,
    picture: Path | None,
    write: Path | None,
    version: str | None,
    by_class: bool,
    labels: str | None,
    seed: int,
    device: str | None,
    as_json: bool,
) -> None:
    """Measure a GAN's samples against real images, in a frozen feature space that neither the autoencoder nor the
    discriminator was trained in. The floor is the same figure of real images against real ones at the same count.

    \b
    zoo evaluate runs/mine --data mnist5k -o beside.png
    zoo evaluate release/ --data photos/ -n 5000 --json
    zoo evaluate release/ --data photos/ --metric efficientnet --by-class
    zoo evaluate release/ --data mnist5k --write measured/ --version 1.0.1
    """
    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.errors import ConfigError
    from zoo.metrics.evaluate import Reference, feature_space
    from zoo.metrics.own import refuse_own_features
    from zoo.metrics.records import measure_records
    from zoo.networks.pretrained import origins_of
    from zoo.plugins import find_component
    from zoo.training.devices import choose

    if by_class and (picture is not None or write is not None):
        raise click.UsageError("--by-class prints figures alone: leave out --picture and --write")
    if (write is None) != (version is None):
        raise click.UsageError("--write and --version go together: a version is never published twice")
    model: Any = options.open_model(name, device)
    if model.gan is None:
        raise ConfigError(f"{name} holds no GAN, only an autoencoder", options.GIVE_ON.format(name))
    config = DataConfig(data, labels=labels or "auto", condition=model.gan.condition if by_class else None)
    images = open_data(config, like=model.gan.output)
    if images.spec.modality is not None:
        if by_class or picture is not None or split != "held-out":
            raise ConfigError(
                f"{name} makes {images.spec}: its figures have no picture, class or split", "Leave it out."
            )
        samples = model.gan.sample(count, seed)
        _show(model, name, measure_records(samples, images, seeds=(seed,)), None, write, version, as_json)
        return
    space = feature_space(metric, choose(device or "auto"))
    models = [one for one in (model.autoencoder, model.gan) if one is not None]
    nets = {role: net for one in models for role, net in one.parts.items()}
    refuse_own_features(space, nets, origins_of(*models), metric)
    if by_class:
        _by_class(model.gan, images, space, count, seed, as_json)
        return
    judge = Reference(images, space, find_component("metric", metric).id, split=split)
    samples = model.gan.sample(count, seed)
    figures = judge.measure(samples, seeds=(seed,), whole=True)
    if picture is not None:
        _draw(picture, samples[:_PICTURED], judge, images)
    _show(model, name, figures, picture, write, version, as_json)


def _show(
    model: Any, name: str, figures: Any, picture: Path | None, write: Path | None, version: str | None, as_json: bool
) -> None:
    """Write the release with the figures if that is asked for, and print them."""
    from zoo.config import to_plain

    if write is not None and version is not None:
        _write(model, name, write, version, figures)
    if as_json:
        show.print_json([to_plain(figure) | {"rough": figure.rough} for figure in figures])
        return
    show.print_table(
        ("metric", "value", "95 % interval", "floor", "samples", "real", "features"),
        [
            (
                f.name,
                f"{f.value:.4g}{' (rough)' if f.rough else ''}",
                _interval(f),
                _floor(f),
                f.n,
                f"{f.reference} {f.split}",
                f.extractor,
            )
            for f in figures
        ],
    )
    if any(figure.rough for figure in figures):
        click.echo("rough: of fewer than 200 held-out images or samples; do not compare GANs by it")
    for what, where in (("picture", picture), ("release", write)):
        if where is not None:
            click.echo(f"{what}: {where}")


def _by_class(gan: Any, images: Any, space: Any, count: int, seed: int, as_json: bool) -> None:
    from zoo.config import to_plain
    from zoo.metrics.by_class import measure_classes

    measured = measure_classes(gan, images, space, count, seed)
    if as_json:
        show.print_json(to_plain(measured))
        return
    show.print_table(
        ("class", "learnt from", "held out", "kid", "precision", "recall", "right", "else taken for"),
        [
            (
                one.name,
                one.learnt,
                one.held_out,
                *map(_figure, (one.kid, one.precision, one.recall)),
                f"{one.right:.1%}",
                f"{one.leaks_to} {one.leaked:.1%}" if one.leaks_to else "-",
            )
            for one in measured.classes
        ],
    )
    click.echo(
        f"a classifier takes {measured.right:.1%} of the samples for their class, and {measured.real_right:.1%} of "
        f"held-out images; worst: {measured.worst.name}, {measured.worst.right:.1%}"
    )
    click.echo(
        "classifiers, three seeds, on held-out images: "
        + ", ".join(
            f"{_range(values)} learnt from {what}"
            for what, values in (
                ("samples alone", measured.on_samples),
                ("real images", measured.on_real),
                ("both", measured.on_both),
            )
        )
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1%} to {max(values):.1%}"


def _draw(path: Path, samples: Any, judge: Any, images: Any) -> None:
    import torch

    from zoo._utils.files import write_atomically
    from zoo.data.grids import captioned_grid, grid, png_bytes
    from zoo.data.pixels import to_uint8

    ours, theirs = to_uint8(samples, images.spec), judge.neighbours(samples)
    real = images.pixels[images.held_out[: 2 * len(samples)]]
    pairs = torch.stack([ours, theirs], 1).flatten(0, 1)
    panels = [("sample, nearest image learnt from", grid(pairs, 8)), ("held-out images", grid(real, 8))]
    write_atomically(path, png_bytes(captioned_grid(panels)))


def _write(model: Any, name: str, folder: Path, version: str, figures: Any) -> None:
    from zoo.errors import ConfigError
    from zoo.registry.load import LoadedRelease
    from zoo.training.release import write_measured

    if not isinstance(model, LoadedRelease):
        raise ConfigError(f"{name} is a run, which has no version", f"First: zoo release {name} FOLDER --license SPDX")
    write_measured(model.folder, model.manifest, folder, version=version, metrics=figures)


def _interval(figure: Any) -> str:
    return f"{figure.interval[0]:.4g} to {figure.interval[1]:.4g}" if figure.interval else "-"


def _floor(figure: Any) -> str:
    return f"{figure.floor:.4g}" if figure.floor is not None else "-"
