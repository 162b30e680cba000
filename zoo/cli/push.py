"""zoo push."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from zoo.cli import options, show

__all__ = ["push"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("repo")
@click.option("--private", is_flag=True, help="Make a new repository private.")
@click.option("--message", "-m", default="", help="The commit's title; by default the release's name and version.")
@click.option("--dry-run", is_flag=True, help="Prove it and write what would be uploaded; send nothing.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Where --dry-run writes.  [default: REPO-upload]")
@click.option("--sign", "key", type=click.Path(path_type=Path), help="A private key (PEM, P-256) to sign with.")
@options.json_flag
@options.quiet
def push(
    folder: Path,
    repo: str,
    private: bool,
    message: str,
    dry_run: bool,
    out: Path | None,
    key: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prove a release and publish it on the Hub in one commit.

    \b
    zoo push release/ ann/digits --dry-run
    zoo push release/ ann/digits
    """
    from zoo.remote.push import push as publish

    place = (out or Path(f"{repo.rpartition('/')[2]}-upload")) if dry_run else None
    done = publish(folder, repo, private=private, message=message, dry_run=place, sign_key=key)
    address = f"hub:{done.repo}@{done.commit}" if done.commit else ""
    if as_json:
        show.as_json(asdict(done) | {"address": address, "folder": str(place or folder)})
    elif quiet:
        show.lines([place or address])
    elif place is not None:
        show.table(("bytes", "file"), [(f"{size:,}", name) for name, size in done.files.items()])
        click.echo(f"Proved. This would be version {done.version} of {repo}; it lies in {place}")
    else:
        state = "was published already" if done.already else "is published"
        click.echo(f"{done.repo} {done.version} {state}: zoo pull {address}")
