"""zoo invert, edit, fill: given images as codes of a release."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, show
from zoo.errors import ConfigError

__all__ = ["edit", "fill", "invert"]

_model = click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
_photograph = click.argument("photograph", metavar="PHOTO", type=click.Path(path_type=Path))
_steps = click.option(
    "--steps",
    type=click.IntRange(0, 10_000),
    help="Steps of the search of the code: by default 100, of gauss-newton 10.",
)
_method = click.option(
    "--method",
    type=click.Choice(["adam", "gauss-newton"]),
    default="adam",
    show_default=True,
    help="How to search: gauss-newton takes few steps, each of many images.",
)
_start = click.option(
    "--start",
    type=click.Choice(["encoder", "mean"]),
    default="encoder",
    show_default=True,
    help="Begin at the encoder's code, or at the prior's mean code.",
)
_features = click.option(
    "--features",
    "weight",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    help="The weight of the encoder's features beside the pixels, such as 0.03.",
)
_tune = click.option("--tune", is_flag=True, help="Then tune a copy of the generator to the images.")
_class = click.option("--class", "asked", metavar="NAME", help="The images' class, if the generator takes one.")
_STRONGEST = 100
_strip = click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="The .png to write.")


class Strengths(click.ParamType[tuple[float, float]]):
    """`-2..2` or `1.5`."""

    name = "A..B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Both ends; one number is both."""
        first, dots, last = str(value).partition("..")
        try:
            ends = float(first), float(last if dots else first)
        except ValueError:
            self.fail(f"{value!r} is neither A..B nor a number", param, ctx)
        if not all(math.isfinite(end) and abs(end) <= _STRONGEST for end in ends):
            self.fail(f"{value!r} is not within -{_STRONGEST} and {_STRONGEST}", param, ctx)
        return ends


@click.command()
@_model
@click.argument("photographs", metavar="PHOTO...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.out_option
@_steps
@_method
@_tune
@_start
@_features
@_class
@options.seed
@options.device
@options.json_option
@options.quiet_option
def invert(
    name: str,
    photographs: tuple[Path, ...],
    out: Path,
    steps: int | None,
    method: str,
    tune: bool,
    start: str,
    weight: float,
    asked: str | None,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the codes from which the generator makes your images: the encoder's codes first, then a search.
    PHOTO may be a folder, or a pattern such as 'photos/*.jpg'.

    Writes codes.safetensors, pairs.png (each image beside its reconstruction), report.json and, with --tune,
    generator.safetensors.

    \b
    zoo invert dcgan.emoji-noto64 face.png -o inverted/
    zoo invert runs/mine photos/ --steps 200 --tune -o inverted/
    """
    from zoo._utils.files import write_folder_atomically
    from zoo.editing.saved import files_of

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "Give another folder, or remove it.")
    model = options.open_model(name, device)
    how = {
        "steps": steps,
        "method": method,
        "start": start,
        "classes": asked,
        "tune": tune,
        "weight": weight,
        "seed": seed,
    }
    files_in, images, inversion = _inverted(model, photographs, how, quiet or as_json)
    facts = {"model": name, "files": [str(path) for path in files_in], **how}
    files, report = files_of(inversion, images, facts)
    write_folder_atomically(out, files)
    if as_json:
        show.print_json({"folder": str(out), **report})
    elif quiet:
        show.print_lines([out])
    else:
        show.print_table(
            ("image", "psnr at start", "after the search", *["tuned"] * tune, "features", "steps"),
            [_row(row, tune) for row in report["images"]],
        )
        click.echo(f"Look at {out / 'pairs.png'}. Next: zoo edit {name} {out} --help")


@click.command()
@_model
@_photograph
@click.option("--directions", "file", type=click.Path(path_type=Path), help="A file of zoo directions find.")
@click.option("--direction", "wanted", metavar="NAME", help="Which of the file; of classes also FROM,TO.")
@click.option("--from", "before", metavar="IMAGES", help="Examples of what it is to be less like, with --to.")
@click.option("--to", "after", metavar="IMAGES", help="Examples of what it is to be more like.")
@click.option(
    "--strength",
    type=Strengths(),
    default="-2..2",
    show_default=True,
    help="From..to, or one number: how far to go, in lengths of the direction.",
)
@click.option("--count", type=click.IntRange(2, 100), default=9, show_default=True, help="Images of the strip.")
@_strip
@_steps
@_method
@_tune
@_start
@_features
@_class
@options.seed
@options.device
@options.json_option
@options.quiet_option
def edit(
    name: str,
    photograph: Path,
    file: Path | None,
    wanted: str | None,
    before: str | None,
    after: str | None,
    strength: tuple[float, float],
    count: int,
    out: Path,
    steps: int | None,
    method: str,
    tune: bool,
    start: str,
    weight: float,
    asked: str | None,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Change an image along a direction of its code: a strip with the image first, then one image for each strength.
    PHOTO may be a folder, a pattern, or what zoo invert wrote; each image has a row.

    The direction is one of the release or of a file, or leads from some examples to others.

    \b
    zoo edit dcgan.mnist5k four.png --directions d.st --direction 7 -o strip.png
    zoo edit runs/mine face.png --from plain/ --to glasses/ --strength 1 -o a.png
    """
    import torch

    from zoo._utils.files import write_atomically
    from zoo.data.grids import grid, png_bytes
    from zoo.data.pixels import to_uint8
    from zoo.editing.inversion import edited_images

    model = options.open_model(name, device)
    label, chosen = _direction(model, name, file, wanted, before, after)
    how = {
        "steps": steps,
        "method": method,
        "start": start,
        "classes": asked,
        "tune": tune,
        "weight": weight,
        "seed": seed,
    }
    begun = _begun(model, photograph, how, quiet or as_json)
    first, last = strength
    strengths = [first] if first == last else torch.linspace(first, last, count).tolist()
    moves = chosen.moves(label, begun.codes)
    edited = edited_images(begun.space, begun.codes, begun.condition, moves, strengths)
    strip = to_uint8(torch.cat([begun.images[:, None], edited], 1).flatten(0, 1), begun.space.output)
    write_atomically(out, png_bytes(grid(strip, 1 + len(strengths))))
    psnr = None if begun.psnr is None else round(begun.psnr, 4)
    facts = {"file": str(out), "direction": label, "strengths": [round(s, 4) for s in strengths], "psnr": psnr}
    if as_json:
        show.print_json(facts)
    elif quiet:
        show.print_lines([out])
    else:
        where = f"{first:g}" if first == last else f"{first:g} to {last:g} in {count} steps"
        how_near = "" if psnr is None else f" The code gives the image with {psnr:.1f} dB."
        click.echo(f"{out}: the image, then {label} at {where}.{how_near}")


@click.command()
@_model
@_photograph
@click.option(
    "--mask",
    type=click.Path(path_type=Path),
    required=True,
    help="A picture as large as PHOTO: white is filled, black is kept.",
)
@_strip
@click.option("--steps", type=click.IntRange(0, 10_000), default=100, show_default=True, help="Steps of the search.")
@_start
@_class
@options.device
@options.json_option
@options.quiet_option
def fill(
    name: str,
    photograph: Path,
    mask: Path,
    out: Path,
    steps: int,
    start: str,
    asked: str | None,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fill a part of an image with what the generator makes of the rest. The visible pixels are kept, the hidden ones
    are never looked at. The result is as large as the model's images.

    \b
    zoo fill dcgan.emoji-noto64 face.png --mask hole.png -o filled.png
    zoo fill runs/mine photo.jpg --mask hole.png --steps 300 -o filled.png
    """
    from PIL import Image

    from zoo._utils.files import write_atomically
    from zoo.cli import progress
    from zoo.data.grids import png_bytes
    from zoo.data.pixels import to_uint8
    from zoo.editing.filling import fill as search
    from zoo.editing.photographs import read_mask, read_photographs
    from zoo.editing.space import CodeSpace

    model = options.open_model(name, device)
    spec = CodeSpace(model).output
    image, hidden = read_photographs([photograph], spec), read_mask(mask, photograph, spec)[None]
    with progress.stepping("filling", quiet or as_json) as tell:
        filled = search(
            model, image, hidden, steps=100 if steps is None else steps, start=start, classes=asked, progress=tell
        )
    pixels = to_uint8(filled.images, spec)[0].permute(1, 2, 0).squeeze(-1)
    write_atomically(out, png_bytes(Image.fromarray(pixels.numpy())))
    share, visible = float(hidden.float().mean()), round(float(filled.psnr[0]), 4)
    if as_json:
        show.print_json({"file": str(out), "hidden": round(share, 4), "visible_psnr": visible})
    elif quiet:
        show.print_lines([out])
    else:
        click.echo(
            f"{out}: {share:.0%} of the pixels are filled. The code gives the visible ones with {visible:.1f} dB."
        )


def _direction(
    model: Any, name: str, file: Path | None, wanted: str | None, before: str | None, after: str | None
) -> tuple[str, Any]:
    """The name of the direction that was asked for, and the directions that have it."""
    from zoo.cli.directions import from_examples
    from zoo.editing.direction_files import read_directions
    from zoo.editing.release_directions import direction_named, release_directions
    from zoo.editing.space import CodeSpace

    if (before is None) != (after is None) or (file is not None and before is not None):
        raise click.UsageError("give --directions FILE with --direction NAME, or --from and --to, one of the two")
    if before is not None:
        label = wanted or f"{before} to {after}"
        return label, from_examples(model, name, label, before, str(after))
    if file is None:
        sets = release_directions(model)
        if not sets:
            raise click.UsageError("give --directions FILE with --direction NAME, or --from and --to")
    else:
        sets = [read_directions(file)]
        sets[0].require_for(CodeSpace(model))
    names = [known for one in sets for known in one.names]
    if wanted is None and len(names) > 1:
        raise ConfigError(f"{file or name} holds {len(names)} directions", f"Say which: --direction {names[0]}")
    label = wanted or names[0]
    return label, direction_named(sets, label)


@dataclass(frozen=True)
class _Begun:
    """What an edit begins with: codes, the images that are shown before the edited ones, and their PSNR in dB, a mean,
    if it was measured."""

    space: Any
    codes: Any
    condition: Any
    images: Any
    psnr: float | None


def _begun(model: Any, photograph: Path, how: dict[str, Any], silent: bool) -> _Begun:
    """The codes of a photograph, of those of a folder, or those that zoo invert wrote."""
    from zoo.editing.saved import CODES, read_saved

    if (photograph / CODES).exists():
        saved = read_saved(photograph, model)
        return _Begun(saved.space, saved.codes, saved.condition, saved.space.images(saved.codes, saved.condition), None)
    _, images, found_codes = _inverted(model, (photograph,), how, silent)
    psnr = float(found_codes.psnr.mean())
    return _Begun(found_codes.space, found_codes.codes, found_codes.condition, images, psnr)


def _inverted(
    model: Any, photographs: tuple[Path, ...], how: dict[str, Any], silent: bool
) -> tuple[list[Path], Any, Any]:
    """The files, their images (N, *output.shape) and their inversion; `how` gets the number of steps."""
    from zoo.cli import progress
    from zoo.editing.inversion import invert as search
    from zoo.editing.photographs import photographs_in, read_photographs
    from zoo.editing.search import default_steps
    from zoo.editing.space import CodeSpace

    space = CodeSpace(model)
    if how["steps"] is None:
        how["steps"] = default_steps(space, how["method"])
    files = photographs_in(photographs)
    images = read_photographs(files, space.output)
    with progress.stepping("inverting", silent) as tell:
        return files, images, search(model, images, progress=tell, **how)


def _row(row: dict[str, Any], tuned: bool) -> tuple[object, ...]:
    features = "-" if row["feature_distance"] is None else f"{row['feature_distance']:.4f}"
    figures = [f"{row[key]:.2f} dB" for key in ("start_psnr", "searched_psnr", *["psnr"] * tuned)]
    return (Path(row["file"]).name, *figures, features, row["steps"])
