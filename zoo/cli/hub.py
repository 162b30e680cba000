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
    """List, check and remove pulled releases and encoded images.

    \b
    zoo cache ls
    zoo cache rm hub:ann/digits --dry-run
    """


@cache.command("ls", short_help="List the pulled releases and the encoded images.")
@options.json_option
@options.quiet_option
def list_cache(as_json: bool, quiet: bool) -> None:
    """List the releases in the Hub's cache, and nothing else in it; and the images that were encoded.

    \b
    zoo cache ls
    zoo cache ls --quiet
    """
    from zoo.encoding.store import encoded_sets
    from zoo.remote.cache import cached_releases

    releases, encoded = cached_releases(), encoded_sets()
    if as_json:
        plain = [asdict(release) | {"folder": str(release.folder)} for release in releases]
        show.print_json(plain + [one.plain() for one in encoded])
    elif quiet:
        show.print_lines([*(release.address for release in releases), *(one.address for one in encoded)])
    else:
        rows = [
            (r.name or "?", r.version, f"{r.size:,}", "whole" if r.whole else "not whole", r.address) for r in releases
        ]
        rows += [
            (f"codes of {e.facts.images}", "", f"{e.size:,}", "whole" if e.facts.whole else "not whole", e.address)
            for e in encoded
        ]
        show.print_table(("name", "version", "bytes", "state", "from"), rows)


@cache.command("rm", short_help="Remove pulled releases and encoded images.")
@click.argument("names", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
def remove_cached(names: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Remove releases by name, address or folder, and encoded images by address; `encoded:` alone means all of these.

    \b
    zoo cache rm hub:ann/digits --dry-run
    zoo cache rm encoded: --yes
    zoo cache rm dcgan.digits@1.0.0 --yes
    """
    from zoo.encoding.store import SCHEME, find_encoded, remove_encoded
    from zoo.remote.cache import plan_removal, remove

    plan = plan_removal(name for name in names if not name.startswith(SCHEME))
    encoded = [one for name in names if name.startswith(SCHEME) for one in find_encoded(name)]
    frees = plan.frees + sum(one.size for one in encoded)
    show.print_lines(f"{release.address}  {release.folder}" for release in plan.releases)
    show.print_lines(f"{one.address}  {one.folder}" for one in encoded)
    if dry_run:
        click.echo(f"Would free {frees:,} bytes.")
        return
    if not yes:
        click.confirm("Remove them?", abort=True)
    remove(plan)
    remove_encoded(encoded)
    click.echo(f"Freed {frees:,} bytes.")


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
