"""zoo ui."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli import completing

__all__ = ["ui"]


@click.command()
@click.argument("name", default="", metavar="[NAME|DIR]", shell_complete=completing.models)
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs lie."
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port to listen at.  [default: the first free from 7860]"
)
@click.option("--browser", is_flag=True, help="Open it in the browser.")
@click.option("--export-space", "space", type=click.Path(path_type=Path), help="Write NAME as a Hugging Face Space.")
def ui(name: str, runs: Path, port: int | None, browser: bool, space: Path | None) -> None:
    """Play with releases in the browser, transfer and watch, compare runs. On 127.0.0.1 alone, without a network.

    \b
    zoo ui
    zoo ui runs/mine --port 8000
    zoo ui dcgan.glyphs-sans32 --export-space space/
    """
    if space is not None:
        from zoo.ui.space import export

        if not name:
            raise click.UsageError("name the release to export: zoo ui NAME --export-space DIR")
        export(name, space)
        click.echo(f"{space} is a Space. Try it: python {space / 'app.py'}")
        click.echo(f"Publish it: hf upload USER/NAME {space} --repo-type space")
        return
    from zoo.ui.app import launch

    launch(runs, first=name, port=port, browser=browser)
