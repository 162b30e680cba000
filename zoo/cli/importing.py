"""zoo import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.cli import options, show

__all__ = ["import_"]


@click.command("import")
@click.argument("source", metavar="COMPONENT:LOCATION")
@options.out_option
@click.option("--license", default="", help="An SPDX expression, if the repository's card states none.")
@click.option("--name", default="", help="The release's name, arch.tag; by default made from the source.")
@click.option("--version", default="1.0.0", show_default=True, help="The release's version.")
@options.shape
@options.json_option
@options.quiet_option
def import_(source: str, out: Path, as_json: bool, quiet: bool, **facts: Any) -> None:
    """Make a release of a pretrained autoencoder of another library, from a folder or the Hub.

    \b
    zoo import diffusers:stabilityai/sd-vae-ft-mse -o releases/sd-vae
    zoo import diffusers:./my-vae --license MIT -o releases/my-vae
    """
    from zoo.registry.importing import import_autoencoder

    manifest = import_autoencoder(source, out, **facts)
    if as_json:
        show.print_json({"name": manifest.name, "version": manifest.version, "folder": str(out)})
    elif quiet:
        show.print_lines([out])
    else:
        files = ", ".join(origin.file for origin in manifest.pretrained)
        click.echo(f"{manifest.name} {manifest.version}, from {files}: written to {out}.")
        click.echo(f"Next: zoo reconstruct {out} --data IMAGES -o pairs.png   (what it keeps of your images)")
