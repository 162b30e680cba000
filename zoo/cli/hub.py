"""zoo search, cache."""

from __future__ import annotations

from dataclasses import asdict

import click

from zoo.cli import options, show

__all__ = ["cache", "search"]


@click.command()
@click.argument("text", default="")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most so many.")
@options.json_flag
@options.quiet
def search(text: str, limit: int, as_json: bool, quiet: bool) -> None:
    """Look on the Hub for releases with TEXT in their name.

    \b
    zoo search digits
    zoo search --limit 5 --json
    """
    from zoo.remote.search import search as look

    found = look(text, limit=limit)
    if as_json:
        show.as_json([asdict(one) for one in found])
    elif quiet:
        show.lines(one.address for one in found)
    elif found:
        rows = [(one.address, one.license, one.changed[:10], " ".join(one.tags)) for one in found]
        show.table(("release", "license", "changed", "tags"), rows)
    else:
        click.echo(f"Nothing with {text!r} in its name carries the tag aegan-zoo.", err=True)


@click.group()
def cache() -> None:
    """List, check and remove what was pulled.

    \b
    zoo cache ls
    zoo cache rm hub:ann/digits --dry-run
    """


@cache.command("ls", short_help="List the releases in the Hub's cache.")
@options.json_flag
@options.quiet
def list_cache(as_json: bool, quiet: bool) -> None:
    """List the releases in the Hub's cache; nothing else that lies there.

    \b
    zoo cache ls
    zoo cache ls --quiet
    """
    from zoo.remote.cache import kept

    found = kept()
    if as_json:
        show.as_json([asdict(one) | {"folder": str(one.folder)} for one in found])
    elif quiet:
        show.lines(one.address for one in found)
    else:
        rows = [
            (one.name or "?", one.version, f"{one.size:,}", "whole" if one.whole else "not whole", one.address)
            for one in found
        ]
        show.table(("name", "version", "bytes", "state", "from"), rows)


@cache.command("rm")
@click.argument("names", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Say what would go.")
@click.option("--yes", "-y", is_flag=True, help="Don't ask.")
def remove_cached(names: tuple[str, ...], dry_run: bool, yes: bool) -> None:
    """Remove releases by name, address or folder.

    \b
    zoo cache rm hub:ann/digits --dry-run
    zoo cache rm dcgan.digits@1.0.0 --yes
    """
    from zoo.remote.cache import plan_removal, remove

    plan = plan_removal(names)
    show.lines(f"{one.address}  {one.folder}" for one in plan.releases)
    if dry_run:
        click.echo(f"Would free {plan.frees:,} bytes.")
        return
    if not yes:
        click.confirm("Remove them?", abort=True)
    remove(plan)
    click.echo(f"Freed {plan.frees:,} bytes.")


@cache.command("verify")
@options.json_flag
def verify_cache(as_json: bool) -> None:
    """Hash every file of every release in the cache.

    \b
    zoo cache verify
    zoo cache verify --json
    """
    from zoo.remote.cache import check, kept

    found = [(one, check(one)) for one in kept()]
    if as_json:
        show.as_json([{"address": one.address, "problem": problem} for one, problem in found])
    elif found:
        show.lines(f"{one.address}  {problem or 'whole'}" for one, problem in found)
    else:
        click.echo("The cache holds nothing: no release was pulled so far.", err=True)
    if any(problem for _, problem in found):
        raise SystemExit(1)
