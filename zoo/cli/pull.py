"""zoo pull."""

from __future__ import annotations

from contextlib import suppress
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
    """Get a release, by name or hub:org/name[@revision], and the first stage that it needs; check every byte. A
    pretrained autoencoder of another library, maybe in a subfolder, becomes a release in the cache.

    \b
    zoo pull dcgan.glyphs-sans32
    zoo pull hub:ann/digits@v1.0.0
    zoo pull hub:org/pipeline:vae
    """
    from zoo.errors import NotARelease
    from zoo.registry.index import get
    from zoo.registry.trust import require_trust

    release = None
    if ":" not in name.removeprefix("hub:"):  # a subfolder is never a release
        with suppress(NotARelease):
            release = get(name, refresh=refresh)
    if release is None:
        _pull_autoencoder(name, key, as_json, quiet)
        return
    manifest = release.manifest
    if key is not None:
        from zoo.remote.signing import check_signature

        check_signature(release.folder, key)
    require_trust(release.folder, name)
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


def _pull_autoencoder(name: str, key: Path | None, as_json: bool, quiet: bool) -> None:
    from zoo.errors import ReleaseError
    from zoo.registry.importing import pull_autoencoder

    if key is not None:
        raise ReleaseError(
            f"{name} is not a release, so it cannot be signed with {key}",
            "Pull it without --verify-key: its commit and the digest of every file are pinned.",
        )
    folder, manifest = pull_autoencoder(name)
    if as_json:
        show.print_json({"name": manifest.name, "version": manifest.version, "folder": str(folder)})
    elif quiet:
        show.print_lines([folder])
    else:
        commit = manifest.pretrained[0].commit[:12] if manifest.pretrained else ""
        click.echo(f"{manifest.name} {manifest.version}, a pretrained autoencoder at {commit}: pulled and checked.")
        click.echo(f"  {folder}")
        click.echo(f"Next: zoo transfer {folder} --data IMAGES --explain")
