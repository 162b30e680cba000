"""zoo sample, encode, reconstruct, interpolate."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, pictures, show
from zoo.cli.sample_folder import FolderImages, write_folder
from zoo.errors import ConfigError

__all__ = ["encode", "interpolate", "reconstruct", "sample"]

_model = click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
_picture = click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    help="A .png (a grid) or .npz (uint8 images) to write; for tables a .csv.",
)
_size = click.option(
    "--size", type=click.IntRange(1), metavar="PIXELS", help="The images' side, if the codes grow with the images."
)


@click.command()
@_model
@click.option(
    "-n", "count", type=click.IntRange(1, 1_000_000), help="How many: by default 64, with --class all 8 of each class."
)
@click.option("--class", "asked", metavar="NAME|all", help="Of which class; all draws a row of each.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="Its value; the others are drawn.")
@click.option(
    "--truncation",
    type=click.FloatRange(0, 2),
    default=1.0,
    help="Below 1: nearer to the mean, or to that of the class; less variety, fewer failures.",
)
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="A .png (a grid) or .npz (uint8 images) to write, for tables a .csv; by default a new one in the run's "
    "folder, or in this one.",
)
@click.option(
    "--where", multiple=True, metavar="CONDITION", help="Rows alone that satisfy it: 'cut=Ideal', 'price>=900'."
)
@click.option("--folder", type=click.Path(path_type=Path), help="Write images and a table into this folder instead.")
@click.option("--shards", is_flag=True, help="With --folder: .npz files of up to 1,024 images, in place of PNG files.")
@click.option(
    "--reject",
    type=click.Choice(["score", "distance"]),
    help="With --folder and --data: leave out samples by the discriminator's score, or by their distance.",
)
@click.option(
    "--data",
    shell_complete=completing.complete_data,
    help="With --folder: the training images, to tell the distance of each sample to the nearest.",
)
@options.labels
@click.option(
    "--metric",
    default="judge",
    show_default=True,
    shell_complete=completing.complete_component("metric"),
    help="The feature space of distances.",
)
@options.seed
@options.pictures
@options.device
@options.json_option
@options.quiet_option
def sample(
    name: str,
    count: int | None,
    asked: str | None,
    attributes: tuple[str, ...],
    truncation: float,
    out: Path | None,
    folder: Path | None,
    shards: bool,
    reject: str | None,
    data: str | None,
    labels: str | None,
    metric: str,
    where: tuple[str, ...],
    seed: int,
    seeds: list[tuple[int, int]] | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Draw images, or rows of a table, from the GAN of a release or run. A seed names its images: the first ones are
    the same however many are drawn.

    \b
    zoo sample runs/mine --seeds 3,17,0:42
    zoo sample release/ --where cut=Ideal --where 'price>=900' -n 1000 -o rows.csv
    zoo sample release/ --class all -n 8 -o classes.png
    zoo sample dcgan.mnist5k --folder more/ -n 5000 --data mnist5k --reject score
    """
    if folder is not None:
        if attributes or seeds is not None or out is not None or where:
            raise click.UsageError("--folder does not go with --out, --seeds, --where and --attribute")
        images = FolderImages(data, labels, metric, reject, device)
        drawn = {"seed": seed, "classes": asked, "truncation": truncation, "files": "npz" if shards else "png"}
        write_folder(name, folder, count, images, drawn, as_json=as_json, quiet=quiet)
        return
    if shards or reject or data or labels:
        raise click.UsageError("--shards, --reject, --data and --labels need --folder")
    if attributes and asked is not None:
        raise click.UsageError("--class and --attribute do not go together: a model takes one of them")
    model = options.open_model(name, device)
    if seeds is not None and count is not None:
        raise click.UsageError("--seeds and -n do not go together: as many are drawn as seeds are given")
    gan = _part(model, "gan", name)
    if where and (seeds is not None or attributes or asked == "all"):
        raise click.UsageError("--where draws until enough fit: leave out --seeds, --attribute and --class all")
    out = out or _new_picture(model, gan.output)
    every = asked == "all" and gan.condition is not None and "all" not in gan.condition.classes
    names = seeds or [(seed, index) for index in range(count or (8 if every else 64))]
    if every:
        rows = gan.condition.classes
        of_each = [label for label in rows for _ in names]
        samples = gan.sample(len(of_each), names * len(rows), classes=of_each, truncation=truncation)
        _write(samples, gan.output, out, columns=len(names), rows=rows)
    else:
        condition = _with_attributes(gan, names, attributes) if attributes else asked
        named = seed if where else names
        samples = gan.sample(len(names), named, classes=condition, truncation=truncation, where=where)
        _write(samples, gan.output, out)
    count = len(samples)
    _report(out, count, as_json, quiet)
    if out.suffix == ".png" and not (as_json or quiet) and pictures.shows():
        from PIL import Image

        with Image.open(out) as sheet:
            pictures.thumbnail(sheet, columns=96, rows=2) if count >= 8 else pictures.thumbnail(
                sheet, columns=12 * count
            )


@click.command()
@_model
@options.data
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="The .npz to write.")
@options.strict
@_size
@options.device
@options.json_option
@options.quiet_option
def encode(
    name: str,
    data: str,
    out: Path,
    strict: bool,
    size: int | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Turn every image into its code: `codes` (N, *code_shape) in an .npz, with `labels` and the names of `classes` if
    the images have some.

    \b
    zoo encode dcgan.glyphs-sans32 --data mnist5k -o codes.npz
    zoo encode runs/ae --data photos/ -o codes.npz
    """
    import io

    import numpy as np

    from zoo._utils.files import write_atomically
    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.encoding.codes import codes_of

    autoencoder = _autoencoder(name, device, size)
    images = open_data(DataConfig(data, strict=strict), like=autoencoder.output)
    show.skipped(images.skipped)
    codes = codes_of(autoencoder, images).numpy()
    buffer = io.BytesIO()
    if images.labels is None:
        np.savez(buffer, codes=codes)
    else:
        classes = images.spec.condition.classes if images.spec.condition is not None else ()
        np.savez(buffer, codes=codes, labels=images.labels.numpy(), classes=np.array(classes))
    write_atomically(out, buffer.getvalue())
    _report(out, len(codes), as_json, quiet)


@click.command()
@_model
@options.data
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=32, show_default=True, help="How many images.")
@_picture
@_size
@options.device
@options.json_option
@options.quiet_option
def reconstruct(
    name: str,
    data: str,
    count: int,
    out: Path,
    size: int | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Pass held-out images through the autoencoder: each image beside what is left of it.

    \b
    zoo reconstruct dcgan.glyphs-sans32 --data mnist5k -o pairs.png
    zoo reconstruct runs/ae --data photos/ -n 8 -o pairs.png
    """
    import torch

    from zoo.data.config import DataConfig
    from zoo.data.open import open_data

    autoencoder = _autoencoder(name, device, size)
    images = open_data(DataConfig(data, condition=autoencoder.condition), like=autoencoder.output)
    rows = images.held_out[:count]
    x, condition = images.batch(rows), images.conditions(rows)
    rebuilt = autoencoder.to_output(autoencoder.reconstruct(autoencoder.from_output(x), condition=condition))
    _write(torch.stack([x, rebuilt], 1).flatten(0, 1), autoencoder.output, out)
    _report(out, len(x), as_json, quiet)


@click.command()
@_model
@click.option("--rows", type=click.IntRange(1, 100), default=8, show_default=True, help="How many walks.")
@click.option("--steps", type=click.IntRange(2, 100), help="Images a walk: by default 8, in a film 40.")
@click.option("--class", "asked", metavar="NAME[,NAME]", help="Within a class, or from one class to another.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    help="A .gif (a film), a .png (a grid) or an .npz (uint8 images) to write.",
)
@options.seed
@options.device
@options.json_option
@options.quiet_option
def interpolate(
    name: str,
    rows: int,
    steps: int | None,
    asked: str | None,
    out: Path,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Walk between pairs of codes from the prior, on the great circle: one walk a row. A .gif shows all walks as a
    film, there and back.

    \b
    zoo interpolate runs/mine -o walk.png
    zoo interpolate runs/mine --rows 4 --steps 40 -o walk.gif
    zoo interpolate release/ --class dress,hat --steps 12 -o walk.png
    """
    from zoo._utils.files import write_atomically
    from zoo.data.grids import gif_bytes
    from zoo.data.pixels import to_uint8
    from zoo.networks.interpolation import walk

    gan = _part(options.open_model(name, device), "gan", name)
    first, comma, last = (asked or "").partition(",")
    ends = (first, last if comma else first) if asked else None
    film = out.suffix == ".gif" and gan.output.is_image
    steps = steps or (40 if film else 8)
    images = walk(gan, rows, steps, seed, classes=ends)
    if film:
        write_atomically(out, gif_bytes(to_uint8(images, gan.output), rows))
    else:
        _write(images, gan.output, out, columns=steps)
    _report(out, rows * steps, as_json, quiet)


def _with_attributes(gan: Any, seeds: Sequence[tuple[int, int]], texts: Sequence[str]) -> Any:
    """Conditions (N, attributes) of N samples, drawn but for those that --attribute NAME=VALUE sets."""
    import math

    from zoo.errors import near

    names = gan.condition.attributes if gan.condition is not None else ()
    if not names:
        raise ConfigError("this GAN takes no attributes", "Leave --attribute out.")
    condition = gan.conditions(len(seeds), seeds)
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names:
            raise ConfigError(f"there is no attribute {name[:80]!r}", near(name, names))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise ConfigError(f"--attribute {text[:80]}: {value[:40]!r} is not a number", "For example bright=1")
        condition[:, names.index(name)] = number
    return condition


def _new_picture(model: Any, spec: Any) -> Path:
    """A path that is free: `sample.png`, `sample-2.png`, ... in a run's folder; for a release `NAME.png`, ... here; of
    samples with a modality a file of its own."""
    from zoo.data.modalities import modality_of
    from zoo.training.api import Run

    suffix = ".png" if spec.modality is None else modality_of(spec).writes[0]
    first = model.folder / f"sample{suffix}" if isinstance(model, Run) else Path(f"{model.manifest.name}{suffix}")
    later = (first.with_name(f"{first.stem}-{number}.png") for number in itertools.count(2))
    return next(path for path in itertools.chain([first], later) if not path.exists())


def _autoencoder(name: str, device: str | None, size: int | None) -> Any:
    """The autoencoder of a release or run; one with codes (c, h, w) for images of that size."""
    from zoo.networks.resizing import resized

    autoencoder = _part(options.open_model(name, device), "autoencoder", name)
    return autoencoder if size is None else resized(autoencoder, size, size)


def _part(model: Any, part: str, name: str) -> Any:
    network = getattr(model, part)
    if network is None:
        if part == "autoencoder":
            raise ConfigError(f"{name} holds no autoencoder, only a GAN", "Others: zoo list")
        raise ConfigError(f"{name} holds no GAN, only an autoencoder", options.GIVE_ON.format(name))
    return network


def _write(images: Any, spec: Any, out: Path, columns: int = 8, rows: Sequence[str] = ()) -> None:
    """Write samples as a picture or as arrays; `rows` are the names of classes, of which each has `columns` samples."""
    import io

    import numpy as np

    from zoo._utils.files import write_atomically
    from zoo.data.grids import grid, png_bytes, row_of_each
    from zoo.data.modalities import modality_of
    from zoo.data.pixels import to_uint8

    if spec.modality is not None:
        modality = modality_of(spec)
        if out.suffix not in modality.writes:
            raise ConfigError(f"{out.name} is no {' or '.join(modality.writes)}", "Give such a file with -o.")
        write_atomically(out, modality.file(images, out.suffix))
        return
    pixels = to_uint8(images, spec)
    if out.suffix == ".npz":
        stored = pixels.permute(0, 2, 3, 1).squeeze(-1).numpy() if spec.is_image else pixels.numpy()
        buffer = io.BytesIO()
        if rows:
            labels = np.arange(len(rows)).repeat(columns)
            np.savez_compressed(buffer, images=stored, labels=labels, classes=np.array(rows))
        else:
            np.savez_compressed(buffer, images=stored)
        write_atomically(out, buffer.getvalue())
    elif out.suffix == ".png" and spec.is_image and rows:
        write_atomically(out, png_bytes(row_of_each(rows, pixels, columns)))
    elif out.suffix == ".png" and spec.is_image:
        write_atomically(out, png_bytes(grid(pixels, columns)))
    else:
        raise ConfigError(
            f"cannot write samples of {list(spec.shape)} to {out.name}",
            "Give a .png or an .npz for images, an .npz for vectors.",
        )


def _report(out: Path, count: int, as_json: bool, quiet: bool) -> None:
    if as_json:
        show.print_json({"file": str(out), "count": count})
    elif quiet:
        show.print_lines([out])
    else:
        click.echo(f"{out} ({count:,})")
