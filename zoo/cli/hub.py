"""zoo search, cache."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from zoo.cli import options, show

if TYPE_CHECKING:
    from zoo.remote.search import SearchResult

__all__ = ["cache", "search"]


@click.command()
@click.argument("text", default="")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The most results to show.")
@options.json_option
@options.quiet_option
def search(text: str, limit: int, as_json: bool, quiet: bool) -> None:
    """Look on the Hub for releases with TEXT in their name.

    \b
    zoo search digits
    zoo search --limit 5 --json
    """
    from zoo.remote.search import search as search_hub

    results = search_hub(text, limit=limit)
    if as_json:
        show.print_json([asdict(result) for result in results])
    elif quiet:
        show.print_lines(result.address for result in results)
    elif results:
        head = ("release", "sample", "code", "plugins", "license", "changed", "tags")
        show.print_table(head, [_row(result) for result in results])
    else:
        click.echo(f"Nothing with {text!r} in its name carries the tag aegan-zoo.", err=True)


def _row(result: SearchResult) -> tuple[object, ...]:
    plugins, tags = " ".join(result.plugins), " ".join(result.tags)
    return (
        result.address,
        show.shape(result.shape),
        show.shape(result.code_shape),
        plugins,
        result.license,
        result.changed[:10],
        tags,
    )


@click.group()
def cache() -> None:
    """List, check and remove pulled releases.

    \b
    zoo cache ls
    zoo cache rm hub:ann/digits --dry-run
    """


@cache.command("ls", short_help="List the releases in the Hub's cache.")
@options.json_option
@options.quiet_option
def list_cache(as_json: bool, quiet: bool) -> None:
    """List the releases in the Hub's cache, and nothing else in it.

    \b
    zoo cache ls
    zoo cache ls --quiet
    """
    from zoo.remote.cache import cached_releases

    releases = cached_releases()
    if as_json:
        show.print_json([asdict(release) | {"folder": str(release.folder)} for release in releases])
    elif quiet:
        show.print_lines(release.address for release in releases)
    else:
        rows = [
            (r.name or "?", r.version, f"{r.size:,}", "whole" if r.whole else "not whole", r.address) for r in releases
        ]
        show.print_table(("name", "version", "bytes", "state", "from"), rows)


@cache.command("rm")
@click.argument("names", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
def remove_cached(names: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Remove releases by name, address or folder.

    \b
    zoo cache rm hub:ann/digits --dry-run
    zoo cache rm dcgan.digits@1.0.0 --yes
    """
    from zoo.remote.cache import plan_removal, remove

    plan = plan_removal(names)
    show.print_lines(f"{release.address}  {release.folder}" for release in plan.releases)
    if dry_run:
        click.echo(f"Would free {plan.frees:,} bytes.")
        return
    if not yes:
        click.confirm("Remove them?", abort=True)
    remove(plan)
    click.echo(f"Freed {plan.frees:,} bytes.")


@cache.command("verify")
@options.json_option
def verify_cache(as_json: bool) -> None:
    """Hash every file of every release in the cache.

    \b
    zoo cache verify
    zoo cache verify --json
    """
    from zoo.remote.cache import cached_releases, check

    problems = {release.address: check(release) for release in cached_releases()}
    if as_json:
        show.print_json([{"address": address, "problem": problem} for address, problem in problems.items()])
    elif problems:
        show.print_lines(f"{address}  {problem or 'whole'}" for address, problem in problems.items())
    else:
        click.echo("The cache is empty: no release was pulled so far.", err=True)
    if any(problems.values()):
        raise SystemExit(1)
