"""zoo directions find, show, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli import completing, options, show
from zoo.errors import ConfigError

if TYPE_CHECKING:
    from zoo.editing.directions import Directions

__all__ = ["directions", "from_examples"]


@click.group()
def directions() -> None:
    """Find directions in the code space of a model, along which zoo edit changes images.

    \b
    zoo directions find dcgan.mnist5k --data mnist5k -o digits.safetensors
    zoo directions show digits.safetensors
    zoo directions save dcgan.mnist5k digits.safetensors --write edited/ --version 1.2.0
    """


@directions.command(short_help="Find directions by labels, by examples, or by principal components.")
@click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
@click.option("--data", shell_complete=completing.complete_data, help="Images with classes or attributes.")
@options.labels
@click.option("--components", type=click.IntRange(1, 4096), help="So many principal components of the codes.")
@click.option("--centres", type=click.IntRange(1, 1024), help="So many centres of each class; 1 gives straight lines.")
@click.option("--from", "before", metavar="IMAGES", help="Examples of less of it, with --to.")
@click.option("--to", "after", metavar="IMAGES", help="Examples of more of it.")
@click.option("--name", "called", metavar="NAME", help="What the direction of the examples is called.")
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="The .safetensors to write.")
@options.seed
@options.device
@options.json_option
@options.quiet_option
def find(
    name: str,
    data: str | None,
    labels: str | None,
    components: int | None,
    centres: int | None,
    before: str | None,
    after: str | None,
    called: str | None,
    out: Path,
    seed: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Find directions: from the labels of --data, or the principal components of codes, or from examples to others.

    Each attribute's direction leaves the other attributes as they are, as far as a linear regression can tell.

    \b
    zoo directions find dcgan.mnist5k --data mnist5k -o digits.safetensors
    zoo directions find runs/mine --from plain/ --to hats/ -o hats.safetensors
    """
    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.editing.direction_files import write_directions
    from zoo.editing.directions import CENTRES, find_directions
    from zoo.editing.space import CodeSpace

    if (before is None) != (after is None) or (before is not None and (data is not None or components is not None)):
        raise click.UsageError("--from and --to go together, and without --data and --components")
    model = options.open_model(name, device)
    if before is not None:
        result = from_examples(model, name, called or Path(str(after)).stem, before, str(after))
    else:
        images = None
        if data is not None:
            images = open_data(DataConfig(data, labels=labels or "auto"), like=CodeSpace(model).output)
            show.skipped(images.skipped)
        result = find_directions(
            model, images, components=components or 0, centres=centres or CENTRES, name=name, seed=seed
        )
    write_directions(out, result)
    if quiet:
        show.print_lines([out])
    else:
        _show(result, out, as_json)


@directions.command("show", short_help="List the directions of a file or a release.")
@click.argument("source", metavar="FILE|NAME|DIR")
@options.json_option
@options.quiet_option
def show_(source: str, as_json: bool, quiet: bool) -> None:
    """List the directions of a file and of which model they are, or those that a release brings along.

    \b
    zoo directions show digits.safetensors
    zoo directions show edited/ --json
    """
    from zoo.editing.direction_files import read_directions
    from zoo.editing.release_directions import release_directions

    if source.endswith(".safetensors"):
        sets = [read_directions(Path(source))]
    else:
        sets = release_directions(options.open_model(source))
        if not sets:
            raise ConfigError(f"{source} brings no directions along", "Find some: zoo directions find --help")
    if quiet:
        show.print_lines([name for one in sets for name in one.names])
    elif as_json and not source.endswith(".safetensors"):
        show.print_json([{"method": one.method, "directions": list(one.names)} for one in sets])
    else:
        for one in sets:
            _show(one, Path(source), as_json)


@directions.command(short_help="Write a release as a new version that brings directions along.")
@click.argument("name", metavar="NAME|DIR", shell_complete=completing.complete_model)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--write", type=click.Path(path_type=Path), required=True, help="The new folder of the release.")
@click.option("--version", required=True, help="The version of what is written, which must be new.")
@options.json_option
@options.quiet_option
def save(name: str, files: tuple[Path, ...], write: Path, version: str, as_json: bool, quiet: bool) -> None:
    """Write a release as a new version with directions in it: zoo edit, zoo serve --api and web pages offer them. One
    set for each way of finding them; a set that is there already is replaced.

    \b
    zoo directions save dcgan.mnist5k digits.safetensors --write edited/ --version 1.2.0
    zoo directions save release/ hats.safetensors axes.safetensors --write with/ --version 2
    """
    from zoo.editing.direction_files import directions_bytes, read_directions
    from zoo.editing.release_directions import file_of
    from zoo.editing.space import CodeSpace
    from zoo.registry.load import LoadedRelease
    from zoo.training.release import write_with_files

    model = options.open_model(name)
    if not isinstance(model, LoadedRelease):
        raise ConfigError(f"{name} is a run, which has no version", f"First: zoo release {name} FOLDER --license SPDX")
    sets = [read_directions(file) for file in files]
    for one in sets:
        one.require_for(CodeSpace(model))
    added = {file_of(one): directions_bytes(one) for one in sets}
    if len(added) < len(sets):
        raise ConfigError("two of the files were found in the same way", "A release has one set of each: give one.")
    write_with_files(model.folder, model.manifest, write, version=version, files=added)
    if as_json:
        show.print_json({"folder": str(write), "version": version, "files": sorted(added)})
    elif quiet:
        show.print_lines([write])
    else:
        click.echo(f"{write}: {model.manifest.name} {version} with {', '.join(sorted(added))}")


def from_examples(model: Any, name: str, called: str, before: str, after: str) -> Directions:
    """The direction from the images of one source to those of another."""
    from zoo.data.config import DataConfig
    from zoo.data.open import open_data
    from zoo.editing.directions import find_directions
    from zoo.editing.space import CodeSpace

    like = CodeSpace(model).output
    sides = [open_data(DataConfig(source, labels="off"), like=like) for source in (before, after)]
    for side in sides:
        show.skipped(side.skipped)
    return find_directions(model, examples={called: (sides[0], sides[1])}, name=name)


def _show(result: Directions, file: Path, as_json: bool) -> None:
    if as_json:
        facts = {"method": result.method, "model": result.model, "directions": list(result.names)}
        show.print_json({"file": str(file), **facts})
        return
    show.print_lines(result.names)
    click.echo(f"{file}: {len(result.names)} directions by {result.method} of {result.model}")
