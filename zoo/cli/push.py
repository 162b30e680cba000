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
@click.option("--dry-run", is_flag=True, help="Check it and write what would be uploaded; send nothing.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Where --dry-run writes.  [default: REPO-upload]")
@click.option("--sign", "key", type=click.Path(path_type=Path), help="A private key (PEM, P-256) to sign with.")
@options.json_option
@options.quiet_option
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
    """Check a release and publish it on the Hub in one commit.

    \b
    zoo push release/ ann/digits --dry-run
    zoo push release/ ann/digits
    """
    from zoo.remote.push import push as publish

    target = (out or Path(f"{repo.rpartition('/')[2]}-upload")) if dry_run else None
    published = publish(folder, repo, private=private, message=message, dry_run=target, sign_key=key)
    address = f"hub:{published.repo}@{published.commit}" if published.commit else ""
    if as_json:
        show.print_json(asdict(published) | {"address": address, "folder": str(target or folder)})
    elif quiet:
        show.print_lines([target or address])
    elif target is not None:
        show.print_table(("bytes", "file"), [(f"{size:,}", name) for name, size in published.files.items()])
        click.echo(f"Checked. This would be version {published.version} of {repo}; it is in {target}")
    else:
        state = "was published already" if published.already else "is published"
        click.echo(f"{published.repo} {published.version} {state}: zoo pull {address}")
