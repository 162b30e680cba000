"""zoo verify."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli import completing, options, show

if TYPE_CHECKING:
    from zoo.training.reproduce import Comparison

__all__ = ["verify"]


@click.command()
@click.argument("name", shell_complete=completing.complete_model)
@click.option("--files", is_flag=True, help="Check the files alone; imports no torch.")
@click.option("--recipe", is_flag=True, help="Also rehearse its recipe: all that comes before the training.")
@click.option("--reproduce", type=click.IntRange(0), metavar="IMAGES", help="Train it again so far, and compare.")
@click.option("--data", default="", help="With --reproduce: where its images are, if not where its recipe says.")
@click.option("--save", type=click.Path(path_type=Path), help="Write the first tensor that differs, as it was and is.")
@options.json_option
def verify(
    name: str, files: bool, recipe: bool, reproduce: int | None, data: str, save: Path | None, as_json: bool
) -> None:
    """Check every byte of a release and replay its test vectors, offline. With --reproduce it is trained again, to its
    first checkpoint after IMAGES or more, and the weights are compared bit for bit.

    \b
    zoo verify dcgan.glyphs-sans32
    zoo verify release/ --reproduce 0
    """
    from dataclasses import asdict

    from zoo.registry.index import open_release
    from zoo.registry.trust import trust_of
    from zoo.release.folder import verify_files

    folder, manifest = open_release(name)
    verify_files(folder, manifest)
    differences, first, how = ([], "", "") if files else _replay(folder, manifest, save)
    obstacle = _rehearse(folder, manifest) if recipe else ""
    comparison = None if reproduce is None else _reproduce(folder, manifest, reproduce, data, as_json)
    wrong = bool(differences) or (comparison is not None and comparison.differs is not None)
    if as_json:
        facts = {"name": manifest.name, "version": manifest.version, "files": len(manifest.pinned)}
        facts |= {"trust": str(trust_of(folder))}
        facts |= {"obstacle": obstacle} if recipe else {}
        facts |= {"reproduced": asdict(comparison)} if comparison is not None else {}
        show.print_json(facts | {"first": first, "differences": differences})
    elif differences:
        click.echo(f"{manifest.name}: every file is whole, but {len(differences)} test vectors differ.")
        click.echo(f"It begins at {first}:")
        show.facts(list(differences[0].items()))
    else:
        done = "" if files else " and every test vector is reproduced"
        click.echo(f"{manifest.name} {manifest.version}: {len(manifest.pinned)} files are whole{done}.")
        show.print_lines(filter(None, [how, f"Trust: {trust_of(folder)}."]))
        if recipe:
            click.echo(f"Its recipe cannot be run again: {obstacle}." if obstacle else "Its recipe can be run again.")
    if comparison is not None and not as_json:
        show.print_lines(_compared(comparison))
    if wrong:
        raise SystemExit(1)


def _reproduce(folder: Path, manifest: Any, images: int, data: str, quiet: bool) -> Comparison:
    import tempfile

    from zoo.cli.progress import watching
    from zoo.training.reproduce import reproduce

    with tempfile.TemporaryDirectory() as place, watching(quiet) as titled:
        watch = [titled("trained again")]
        return reproduce(folder, manifest, Path(place) / "again", images=images, data=data, watch=watch)


def _compared(comparison: Comparison) -> Iterator[str]:
    """The result of training again, in words."""
    if comparison.equal:
        yield f"Trained again: the same bits after {_counts(comparison.equal)} images."
    if comparison.differs is not None:
        yield f"Trained again: other weights after {comparison.differs:,} images."
    if comparison.differs is not None and comparison.elsewhere:
        yield f"That may be the environment: it was trained with {comparison.elsewhere}."


def _counts(shown: Sequence[int]) -> str:
    return ", ".join(f"{count:,}" for count in shown)


def _rehearse(folder: Path, manifest: Any) -> str:
    from zoo.training.rehearsal import rehearse_release

    return rehearse_release(folder, manifest)


def _replay(folder: Path, manifest: Any, save: Path | None) -> tuple[list[dict[str, Any]], str, str]:
    """The differences, where they begin, and how closely was compared, and what."""
    from dataclasses import asdict

    from zoo._utils.files import write_atomically
    from zoo._utils.tensors import pack
    from zoo.networks.vectors import describe_vector
    from zoo.registry.replay import replay_vectors

    replayed = replay_vectors(folder, manifest)
    differences = [asdict(difference) for difference in replayed.differences]
    if save is not None and replayed.differences:
        write_atomically(save, pack(replayed.first(), {"release": manifest.name}))
    prior = "" if replayed.covers_prior else "; of its prior only that it draws finite codes"
    first = describe_vector(differences[0]["name"]) if differences else ""
    return differences, first, f"Compared {replayed.tolerances}{prior}."
