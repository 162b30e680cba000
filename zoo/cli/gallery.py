"""zoo gallery."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli import completing, options, show

__all__ = ["gallery"]


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("pattern", default="*", shell_complete=completing.releases)
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A .csv with a head: one more table to show.",
)
@options.json_flag
@options.quiet
def gallery(out: Path, pattern: str, results: Path | None, as_json: bool, quiet: bool) -> None:
    """Write a site of the registries' releases into the folder OUT: samples, figures, lineage, licences, strategies.

    It needs no server and asks none: open OUT/index.html. Releases that are not on this machine are named only.

    \b
    zoo gallery site/
    zoo gallery site/ 'dcgan.*' --results results.csv
    """
    from zoo.gallery import gallery as write

    written = write(out, pattern, results=results)
    if as_json:
        show.as_json([str(path) for path in written])
    elif quiet:
        show.lines([written[0]])
    else:
        show.lines(written)
