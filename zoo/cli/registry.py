"""zoo registry add, check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from zoo.cli import options, show

__all__ = ["registry"]


@click.group()
def registry() -> None:
    """Give releases names, and check the named releases.

    \b
    zoo registry add release/
    zoo registry check --online
    """


@registry.command(short_help="Name a release.")
@click.argument("source")
@click.option("--file", type=click.Path(path_type=Path), help="The registry file.  [default: the user's own]")
@click.option("--default", is_flag=True, help="What the name without its tag means.")
def add(source: str, file: Path | None, default: bool) -> None:
    """Name a release, a folder or hub:org/name, with its hashes.

    \b
    zoo registry add release/
    zoo registry add hub:ann/digits@v1.0.0 --file registry.toml
    """
    from zoo.registry import edit as registry_edit
    from zoo.registry.index import user_registry

    entry = registry_edit.add(source, file or user_registry(), default=default)
    click.echo(f"{entry.name} {entry.version} is named in {entry.origin}: {entry.source}")


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
    from zoo.registry import edit as registry_edit

    results = registry_edit.check(file, online=online)
    if as_json:
        show.print_json([asdict(result) | {"origin": str(result.origin)} for result in results])
    else:
        state = {True: "not checked: --online", False: "whole"}
        rows = [(result.name, result.problem or state[result.skipped], result.source) for result in results]
        show.print_table(("name", "state", "source"), rows)
    if any(result.problem for result in results):
        raise SystemExit(1)
