"""zoo collection push."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli import options, show

if TYPE_CHECKING:
    from zoo.registry.collection import Member

__all__ = ["collection"]


@click.group()
def collection() -> None:
    """Publish many releases at once.

    \b
    zoo collection push ann --dry-run
    zoo collection push ann
    """


@collection.command(short_help="Publish every named release of this machine.")
@click.argument("namespace")
@click.argument("pattern", default="*")
@click.option("--title", default="Zoo", show_default=True, help="The collection's title on the Hub.")
@click.option("--private", is_flag=True, help="Make new repositories and the collection private.")
@click.option("--registry", "file", type=click.Path(path_type=Path), help="Name what is published in this file.")
@click.option("--dry-run", is_flag=True, help="List what would be published; send nothing.")
@options.json_option
@options.quiet_option
def push(
    namespace: str,
    pattern: str,
    title: str,
    private: bool,
    file: Path | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Publish the named releases of this machine that match PATTERN, and a collection with all of them, as NAMESPACE on
    the Hub. If it is interrupted, the same command goes on.

    \b
    zoo collection push ann --dry-run
    zoo collection push lab 'dcgan.*' --registry registry.toml
    """
    from zoo.registry.collection import members, push_collection

    chosen = members(namespace, pattern)
    if dry_run:
        done, address = chosen, ""
    else:
        watch = (lambda member: None) if as_json or quiet else _tell
        done, address = push_collection(chosen, title=title, private=private, registry=file, watch=watch)
    if as_json:
        show.print_json({"collection": address, "releases": [_plain(member) for member in done]})
    elif quiet:
        show.print_lines(member.repo for member in done if not member.error)
    elif dry_run:
        rows = [(member.repo, member.entry.version, member.entry.license) for member in done]
        show.print_table(("repository", "version", "license"), rows)
    else:
        click.echo(f"All of them: {address}" if address else "Nothing was published.")
    if any(member.error for member in done):
        raise SystemExit(1)


def _tell(member: Member) -> None:
    """Say what came of one release, as soon as it is known."""
    if member.published is None:
        click.echo(f"{member.repo}: {member.error}")
    else:
        state = "was published already" if member.published.already else "is published"
        click.echo(f"{member.repo} {member.entry.version} {state}.")


def _plain(member: Member) -> dict[str, Any]:
    published = member.published
    commit = published.commit if published is not None else ""
    facts = {"repo": member.repo, "version": member.entry.version, "commit": commit}
    return facts | {"already": published is not None and published.already, "error": member.error}
