"""The command `zoo serve`."""

from __future__ import annotations

import os
from pathlib import Path

import click

__all__ = ["serve"]


@click.command()
@click.argument("source", nargs=-1, required=True, metavar="FOLDER | --api RELEASE...")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--name", "names", multiple=True, metavar="HOST", help="Another host name that clients use for it.")
@click.option("--allow-push", is_flag=True, help="Let whoever has the token push; needs ZOO_SERVE_TOKEN or makes one.")
@click.option("--api", is_flag=True, help="Serve what these releases compute: samples, codes, edits.")
def serve(source: tuple[str, ...], host: str, port: int, names: tuple[str, ...], allow_push: bool, api: bool) -> None:
    """Serve a folder of releases as a Hub, for labs without internet; or, with --api, what releases compute.

    \b
    zoo serve releases/
    zoo serve --api dcgan.mnist5k spatial.photos4
    """
    if api:
        _serve_api(source, host, port, names, allow_push)
        return
    if len(source) != 1 or not Path(source[0]).is_dir():
        raise click.UsageError("give one folder of releases; or with --api the names of releases")
    _serve_hub(Path(source[0]), host, port, names, allow_push)


def _serve_api(names: tuple[str, ...], host: str, port: int, hosts: tuple[str, ...], allow_push: bool) -> None:
    from zoo_serve.api.server import open_api

    if allow_push:
        raise click.UsageError("--allow-push is for a folder, and --api takes nothing")
    server = open_api(names, host, port, hosts)
    click.echo(f"Serving {', '.join(names)} at {server.url}")
    server.run()


def _serve_hub(folder: Path, host: str, port: int, names: tuple[str, ...], allow_push: bool) -> None:
    from zoo_serve.folder import open_folder
    from zoo_serve.token import TOKEN

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
