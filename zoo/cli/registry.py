"""zoo registry add, update, rename, rm, renew, check."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo.cli import completing, options, show

if TYPE_CHECKING:
    from zoo.registry.file import Entry

__all__ = ["registry"]

_file_option = click.option(
    "--file", type=click.Path(path_type=Path), help="The registry file.  [default: the user's own]"
)


@click.group()
def registry() -> None:
    """Give releases names, change and remove names, and check the named releases.

    \b
    zoo registry add release/
    zoo registry check --online
    """


@registry.command(short_help="Name a release.")
@click.argument("source")
@click.option("--name", default="", help="Another name than the release's own.")
@click.option("--default", is_flag=True, help="What the name without its tag means.")
@_file_option
@options.json_option
def add(source: str, name: str, default: bool, file: Path | None, as_json: bool) -> None:
    """Name a release, a folder or hub:org/name, with its hashes.

    \b
    zoo registry add release/
    zoo registry add hub:ann/digits@v1.0.0 --name ann.digits --file registry.toml
    """
    from zoo.registry import edit

    entry = edit.add(source, _path(file), name=name, default=default)
    if as_json:
        show.print_json(entry.plain())
    else:
        click.echo(f"{entry.name} {entry.version} is named in {entry.origin}: {entry.source}")


@registry.command(short_help="Add a newer version of a name, or pin it again.")
@click.argument("name", shell_complete=completing.complete_release)
@click.argument("source", default="")
@click.option("--repin", is_flag=True, help="Accept other bytes for a version that is registered already.")
@_file_option
@options.json_option
def update(name: str, source: str, repin: bool, file: Path | None, as_json: bool) -> None:
    """Add the version at SOURCE beside the others of NAME. Without SOURCE, look again where NAME came from.

    \b
    zoo registry update dcgan.digits
    zoo registry update dcgan.digits hub:ann/digits@v1.1.0
    """
    from zoo.registry import edit

    path = _path(file)
    change = edit.update(name, path, source, repin=repin)
    if as_json:
        show.print_json({"added": _plain(change.added), "removed": _plain(change.removed)})
    elif not change.added:
        click.echo(f"{name} is up to date in {path}.")
    for entry in () if as_json else change.added:
        click.echo(f"{entry.name} {entry.version} is named in {path}: {entry.source}")


@registry.command(short_help="Call a model by another name.")
@click.argument("old", shell_complete=completing.complete_release)
@click.argument("new")
@_file_option
@options.json_option
def rename(old: str, new: str, file: Path | None, as_json: bool) -> None:
    """Call OLD, in all its versions, NEW.

    \b
    zoo registry rename dcgan.digits ann.digits
    zoo registry rename dcgan.digits ann.digits --file registry.toml
    """
    from zoo.registry import edit

    entries = edit.rename(old, new, _path(file))
    if as_json:
        show.print_json(_plain(entries))
    else:
        show.print_lines(f"{old} {entry.version} is now {entry.key}" for entry in entries)


@registry.command("rm", short_help="Remove a name, or one version of it.")
@click.argument("name", shell_complete=completing.complete_release)
@click.option("--all", "every", is_flag=True, help="Remove all versions of the name.")
@_file_option
@options.json_option
def remove(name: str, every: bool, file: Path | None, as_json: bool) -> None:
    """Remove NAME@VERSION, or NAME, from a registry file. The release itself stays where it is.

    \b
    zoo registry rm dcgan.digits@1.0.0
    zoo registry rm dcgan.digits --all
    """
    from zoo.registry import edit

    path = _path(file)
    entries = edit.remove(name, path, every=every)
    if as_json:
        show.print_json(_plain(entries))
    else:
        show.print_lines(f"{entry.key} is no longer in {path}: {entry.source}" for entry in entries)


@registry.command(short_help="Make the next edition of a registry file.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="Days for which it is used.")
@options.json_option
def renew(file: Path | None, days: int, as_json: bool) -> None:
    """Make the next edition of a registry file: who fetched it refuses an older one, and one that has expired.

    \b
    zoo registry renew
    zoo registry renew lab.toml --days 30
    """
    from zoo.registry import edit

    path = _path(file)
    edition = edit.renew(path, days)
    if as_json:
        show.print_json({"file": str(path), "serial": edition.serial, "expires": str(edition.expires)})
    else:
        click.echo(f"{path} is edition {edition.serial}, which expires after {edition.expires}.")


@registry.command(short_help="Check the registries and every release that they name.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--online", is_flag=True, help="Pull and check what is on the Hub too.")
@options.json_option
def check(file: Path | None, online: bool, as_json: bool) -> None:
    """Check a registry file, or all layers, and every release that they name.

    \b
    zoo registry check
    zoo registry check registry.toml --online
    """
    from zoo.registry.check import check as check_registry

    results = check_registry(file, online=online)
    if as_json:
        show.print_json([asdict(result) | {"origin": str(result.origin)} for result in results])
    else:
        state = {True: "not checked: --online", False: "whole"}
        rows = [(r.name, r.version, r.problem or state[r.skipped], r.source) for r in results]
        show.print_table(("name", "version", "state", "source"), rows)
    if any(result.problem for result in results):
        raise SystemExit(1)


def _path(file: Path | None) -> Path:
    from zoo.registry.index import user_registry

    return file or user_registry()


def _plain(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    return [entry.plain() for entry in entries]
