"""zoo pull."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.cli import completing, options, show

__all__ = ["pull"]


@click.command()
@click.argument("name", shell_complete=completing.complete_release)
@click.option("--refresh", is_flag=True, help="Look up the branch's or tag's commit again.")
@click.option("--verify-key", "key", type=click.Path(path_type=Path), help="A public key that must have signed it.")
@options.json_option
@options.quiet_option
def pull(name: str, refresh: bool, key: Path | None, as_json: bool, quiet: bool) -> None:
    """Get a release, by name or hub:org/name[@revision], and check every byte of it.

    \b
    zoo pull dcgan.glyphs-sans32
    zoo pull hub:ann/digits@v1.0.0
    """
    from zoo.registry.index import get

    release = get(name, refresh=refresh)
    manifest = release.manifest
    if key is not None:
        from zoo.remote.signing import check_signature

        check_signature(release.folder, key)
    if as_json:
        show.print_json(
            {"name": manifest.name, "version": manifest.version, "folder": str(release.folder)}
            | {"commit": release.commit, "requested": release.requested}
        )
    elif quiet:
        show.print_lines([release.folder])
    else:
        how = "pulled and checked" if release.requested else "already here, checked"
        commit = f" at {release.commit[:12]}" if release.commit else ""
        click.echo(f"{manifest.name} {manifest.version}{commit}: {how}.")
        click.echo(f"  {release.folder}")
