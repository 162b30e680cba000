"""The command `zoo serve`."""

from __future__ import annotations

import os
from pathlib import Path

import click

__all__ = ["serve"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Another host name that clients use for it.")
@click.option("--allow-push", is_flag=True, help="Let whoever has the token push; needs ZOO_SERVE_TOKEN or makes one.")
def serve(folder: Path, host: str, port: int, names: tuple[str, ...], allow_push: bool) -> None:
    """Serve a folder of releases as a Hub, for labs without internet.

    \b
    zoo serve releases/
    HF_ENDPOINT=http://127.0.0.1:8765 zoo pull hub:releases/dcgan.digits
    """
    from zoo_serve.folder import TOKEN, open_folder

    server, token = open_folder(folder, host, port, names, allow_push=allow_push)
    click.echo(f"Serving {folder} at {server.url}")
    named = names[0] if ":" in "".join(names[:1]) else f"{''.join(names[:1])}:{server.server_address[1]}"
    at = f"http://{named}" if names else server.url  # the address that clients use
    for repository in server.hub.store.all("model"):
        click.echo(f"  HF_ENDPOINT={at} zoo pull hub:{repository.id}")
    if token:
        shown = f"${TOKEN}" if os.environ.get(TOKEN) else token  # one that the user chose stays unseen
        click.echo(f"To push: HF_ENDPOINT={at} HF_TOKEN={shown} zoo push DIR lab/NAME")
    server.run()
