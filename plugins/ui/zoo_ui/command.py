"""The commands `zoo ui` and `zoo gallery`."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.plugin import complete_model, complete_release, json_option, print_json, print_lines, quiet_option

__all__ = ["gallery", "ui"]


@click.command()
@click.argument("name", default="", metavar="[NAME|DIR]", shell_complete=complete_model)
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="The folder of runs."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to listen at.  [default: the first free from 7860]"
)
@click.option(
    "--folder",
    "folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="A folder whose images and models the page may use.  [default: the working directory]",
)
@click.option("--browser", is_flag=True, help="Open it in the browser.")
@click.option("--export-space", "space", type=click.Path(path_type=Path), help="Write NAME as a Hugging Face Space.")
def ui(name: str, runs: Path, port: int | None, folders: tuple[Path, ...], browser: bool, space: Path | None) -> None:
    """Play with releases in the browser, transfer and watch, compare runs. On 127.0.0.1 alone, without a network: open
    the address that it prints, whose token keeps others away.

    \b
    zoo ui
    zoo ui runs/mine --port 8000 --folder ~/photos
    zoo ui dcgan.glyphs-sans32 --export-space space/
    """
    if space is not None:
        from zoo_ui.space import export

        if not name:
            raise click.UsageError("name the release to export: zoo ui NAME --export-space DIR")
        export(name, space)
        click.echo(f"{space} is a Space. Try it: python {space / 'app.py'}")
        click.echo(f"Publish it: hf upload USER/NAME {space} --repo-type space")
        return
    from zoo_ui.app import launch

    launch(runs, first=name, port=port, browser=browser, folders=folders or (Path("."),))


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.argument("pattern", default="*", shell_complete=complete_release)
@click.option(
    "--results",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A .csv with a head: one more table to show.",
)
@click.option(
    "--runs", type=click.Path(path_type=Path, exists=True, file_okay=False), help="A folder of runs to show too."
)
@json_option
@quiet_option
def gallery(out: Path, pattern: str, results: Path | None, runs: Path | None, as_json: bool, quiet: bool) -> None:
    """Write a site of the registries' releases into the folder OUT: samples, figures, lineage, licences, strategies.

    It needs no server and asks none: open OUT/index.html. Releases that are not on this machine are named only.

    \b
    zoo gallery site/
    zoo gallery site/ 'dcgan.*' --results results.csv --runs runs/
    """
    from zoo_ui.gallery import gallery as write

    written = write(out, pattern, results=results, runs=runs)
    if as_json:
        print_json([str(path) for path in written])
    elif quiet:
        print_lines([written[0]])
    else:
        print_lines(written)
