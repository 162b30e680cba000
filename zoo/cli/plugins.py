"""zoo components, plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, show

__all__ = ["components", "plugins"]


@click.command()
@click.argument("kind", required=False, shell_complete=completing.kinds)
@click.argument("pattern", default="*")
@options.json_option
@options.quiet_option
def components(kind: str | None, pattern: str, as_json: bool, quiet: bool) -> None:
    """List the components of plugins, by kind and by a glob over names.

    \b
    zoo components
    zoo components transfer '*-init'
    zoo components encoder 'timm/convnext*'
    """
    from zoo import plugins as host

    listed = host.components(kind, pattern)
    if as_json:
        show.print_json(
            [
                asdict(registered.component) | {"id": registered.id, "plugin": registered.plugin.name}
                for registered in listed
            ]
        )
    elif quiet:
        show.print_lines(registered.id for registered in listed)
    elif listed:
        show.print_table(
            ("kind", "name", "plugin", ""),
            [(c.component.kind, c.component.name, c.plugin.name, c.component.summary) for c in listed],
        )
    else:
        click.echo(f"No component matches. Bundled plugins: {host.install_command(*host.BUNDLED)}", err=True)


@click.group(invoke_without_command=False)
def plugins() -> None:
    """List the installed plugins, check one, start a new one.

    \b
    zoo plugins list
    zoo plugins check dcgan
    """


@plugins.command("list", short_help="List every installed plugin.")
@options.json_option
@options.quiet_option
def list_plugins(as_json: bool, quiet: bool) -> None:
    """List every installed plugin, the step of loading that it reached, and its problem, if any.

    \b
    zoo plugins list
    zoo plugins list --json
    """
    from zoo import plugins as host
    from zoo.registry.index import plugin_problems

    problems = plugin_problems()
    listed = [
        replace(plugin, step="registry", error=problems[plugin.name])
        if plugin.ready and plugin.name in problems
        else plugin
        for plugin in host.plugins()
    ]
    if as_json:
        show.print_json([plugin.plain() for plugin in listed])
        return
    if quiet:
        show.print_lines(plugin.name for plugin in listed)
        return
    show.print_table(
        ("plugin", "distribution", "version", "step", "components", "problem"),
        [
            (
                p.name,
                p.distribution,
                p.version + (" (editable)" if p.editable else ""),
                p.step,
                sum(c.plugin.name == p.name for c in host.load().components),
                p.error,
            )
            for p in listed
        ],
    )
    missing = [name for name in host.BUNDLED if name not in {plugin.distribution for plugin in listed}]
    if missing:
        click.echo(f"Not installed: {', '.join(missing)}. In a checkout: {host.install_command(*missing)}")


@plugins.command("check", short_help="Run the conformance checks on a plugin.")
@click.argument("name", shell_complete=completing.plugins)
@click.option("--component", default="", help="Check only this component, for example one of a family.")
@click.option("--traceback", is_flag=True, help="Show the traceback of each failure.")
@options.json_option
@click.pass_obj
def check(root: dict[str, bool] | None, name: str, component: str, traceback: bool, as_json: bool) -> None:
    """Load a plugin and run the conformance checks on its components; exit code 1 if any fails.

    \b
    zoo plugins check dcgan
    zoo plugins check timm --component resnet10t
    """
    from zoo.testing.conformance.plugin import check_plugin

    traceback = traceback or (root or {}).get("traceback", False)  # `main` removes the flag from the command line
    verdict = check_plugin(name, component, _show_progress())
    if as_json:
        show.print_json(_plain(verdict, traceback))
    else:
        _print(verdict, traceback)
    if not verdict.passed:
        raise click.exceptions.Exit(1)


@plugins.command("new", short_help="Start a plugin.")
@click.argument("name")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The folder to write; zoo-NAME by default.")
@options.quiet_option
def new(name: str, out: Path | None, quiet: bool) -> None:
    """Write a new plugin from a template: it installs, passes its tests and trains.

    \b
    zoo plugins new my-nets
    zoo plugins new my-nets --out ~/code/zoo-my-nets
    """
    from zoo.scaffold import scaffold

    folder = out or Path(f"zoo-{name}")
    files = scaffold(name, folder)
    if quiet:
        show.print_lines([folder])
        return
    show.print_lines(file.relative_to(folder) for file in files)
    click.echo(f"Next: pip install -e {folder} && zoo plugins check {name}; with pytest installed: pytest {folder}")


def _show_progress() -> Callable[[str], None]:
    """Lines on stderr if it is a terminal; a pipe gets the verdict alone."""
    attached = sys.stderr.isatty()
    return lambda line: click.echo(line, err=True) if attached else None


def _plain(verdict: Any, traceback: bool) -> dict[str, Any]:
    hidden = set() if traceback else {"traceback"}
    return {
        "plugin": verdict.plugin.plain(traceback=traceback),
        "passed": verdict.passed,
        "checks": len(verdict.results),
        "refused": [asdict(refusal) for refusal in verdict.refusals],
        "failures": [{k: v for k, v in asdict(f).items() if k not in hidden} for f in verdict.failures],
        "notes": list(verdict.notes),
    }


def _print(verdict: Any, traceback: bool) -> None:
    from zoo.plugins import repair

    plugin = verdict.plugin
    click.echo(click.style(f"{plugin.name}", bold=True) + f"  {plugin.distribution} {plugin.version}  {plugin.target}")
    if not plugin.ready:
        click.echo(f"  {plugin.step}: {plugin.error}" if plugin.error else f"  {plugin.step}")
        if plugin.error:
            click.echo(plugin.traceback if traceback else f"  Repair: {repair(plugin)}    Where: --traceback")
        return
    for component in dict.fromkeys(result.component for result in verdict.results):
        rows = [result for result in verdict.results if result.component == component]
        failed = [result for result in rows if result.error]
        refused = sum(refusal.component == component for refusal in verdict.refusals)
        skipped = f", {refused} default case{'s' * (refused > 1)} refused" if refused else ""
        click.echo(f"  {component}  {len(rows) - len(failed)} of {len(rows)} checks passed{skipped}")
        for error in dict.fromkeys(result.error for result in failed):
            alike = [result for result in failed if result.error == error]
            show.print_lines(f"    {result.check} [{result.case}]".removesuffix(" []") for result in alike)
            show.print_lines([f"      {error}"])
            if traceback:
                click.echo(alike[0].traceback)
    show.print_lines(f"  refused: {refusal.case}: {refusal.reason}" for refusal in verdict.refusals)
    show.print_lines(f"  note: {note}" for note in verdict.notes)
    count = len(verdict.results)
    click.echo(f"{count} checks, {len(verdict.failures)} failed" if count else "no check ran: that is a failure")
