"""zoo invert, edit, fill: given images as codes of a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, show
from zoo.errors import ConfigError

__all__ = ["invert"]

_model = click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
_photograph = click.argument("photograph", metavar="PHOTO", type=click.Path(path_type=Path))
_steps = click.option(
    "--steps", type=click.IntRange(0, 10_000), default=100, show_default=True, help="Steps of the search of the code."
)
_start = click.option(
    "--start",
    type=click.Choice(["encoder", "mean"]),
    default="encoder",
    show_default=True,
    help="Begin at the encoder's code, or at the prior's mean code.",
)
_tune = click.option("--tune", is_flag=True, help="Then tune a copy of the generator to the images.")
_class = click.option("--class", "asked", metavar="NAME", help="The images' class, if the generator takes one.")
_strip = click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="The .png to write.")


@click.command()
@_model
@click.argument("photographs", metavar="PHOTO...", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.out_option
@_steps
@_tune
@_start
@_class
@options.seed
@options.device
@options.json_option
@options.quiet_option
def invert(
    name: str,
    photographs: tuple[Path, ...],
    out: Path,
    steps: int,
    tune: bool,
    start: str,
    asked: str | None,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find the codes from which the generator makes your images: the encoder's codes first, then a search.

    Writes codes.safetensors, pairs.png (each image beside its reconstruction), report.json and, with --tune,
    generator.safetensors.

    \b
    zoo invert dcgan.emoji-noto64 face.png -o inverted/
    zoo invert runs/mine photos/*.jpg --steps 200 --tune -o inverted/
    """
    from zoo._utils.files import write_folder_atomically
    from zoo.editing.saved import files_of

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "Give another folder, or remove it.")
    model = options.open_model(name, device)
    how = {"steps": steps, "start": start, "classes": asked, "tune": tune, "seed": seed}
    images, inversion = _inverted(model, photographs, how, quiet or as_json)
    facts = {"model": name, "files": [str(path) for path in photographs], **how}
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
        click.echo(f"Look at {out / 'pairs.png'}. Next: zoo edit {name} {photographs[0]} --help")


def _inverted(model: Any, photographs: tuple[Path, ...], how: dict[str, Any], silent: bool) -> tuple[Any, Any]:
    """The images (N, *output.shape) and their inversion."""
    from zoo.cli import progress
    from zoo.editing.inversion import invert as search
    from zoo.editing.photographs import read_photographs
    from zoo.editing.space import CodeSpace

    images = read_photographs(photographs, CodeSpace(model).output)
    with progress.stepping("inverting", silent) as tell:
        return images, search(model, images, progress=tell, **how)


def _row(row: dict[str, Any], tuned: bool) -> tuple[object, ...]:
    features = "-" if row["feature_distance"] is None else f"{row['feature_distance']:.4f}"
    figures = [f"{row[key]:.2f} dB" for key in ("start_psnr", "searched_psnr", *["psnr"] * tuned)]
    return (Path(row["file"]).name, *figures, features, row["steps"])
