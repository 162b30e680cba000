"""zoo pull."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli import completing, options, show

__all__ = ["pull"]


@click.command()
@click.argument("name", shell_complete=completing.releases)
@click.option("--refresh", is_flag=True, help="Look up anew what a branch or tag means.")
@click.option("--verify-key", "key", type=click.Path(path_type=Path), help="A public key that must have signed it.")
@options.json_flag
@options.quiet
def pull(name: str, refresh: bool, key: Path | None, as_json: bool, quiet: bool) -> None:
    """Get a release onto this machine, every byte checked: by its name, or hub:org/name[@revision].

    \b
    zoo pull dcgan.glyphs-sans32
    zoo pull hub:ann/digits@v1.0.0
    """
    from zoo.registry.index import get

    found = get(name, refresh=refresh)
    if key is not None:
        from zoo.remote.signing import check_signature

        check_signature(found.folder, key)
    if as_json:
        show.as_json(
            {"name": found.manifest.name, "version": found.manifest.version, "folder": str(found.folder)}
            | {"commit": found.commit, "requested": found.requested}
        )
    elif quiet:
        show.lines([found.folder])
    else:
        how = "pulled and checked" if found.requested else "already here, checked"
        at = f" at {found.commit[:12]}" if found.commit else ""
        click.echo(f"{found.manifest.name} {found.manifest.version}{at}: {how}.")
        click.echo(f"  {found.folder}")
