"""zoo components, plugins."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from zoo.cli import options, show

__all__ = ["components", "plugins"]


@click.command()
@click.argument("kind", required=False)
@click.argument("pattern", default="*")
@options.json_flag
@options.quiet
def components(kind: str | None, pattern: str, as_json: bool, quiet: bool) -> None:
    """List what the plugins offer, by kind and by a glob over names.

    \b
    zoo components
    zoo components transfer '*-init'
    zoo components encoder 'timm/convnext*'
    """
    from zoo import plugins as host

    offers = host.components(kind, pattern)
    if as_json:
        show.as_json([asdict(offer.component) | {"id": offer.id, "plugin": offer.plugin.name} for offer in offers])
    elif quiet:
        show.lines(offer.id for offer in offers)
    elif offers:
        show.table(
            ("kind", "name", "plugin", ""),
            [(o.component.kind, o.component.name, o.plugin.name, o.component.summary) for o in offers],
        )
    else:
        click.echo(f"No component matches. Bundled plugins: pip install {' '.join(host.BUNDLED)}", err=True)


@click.group(invoke_without_command=False)
def plugins() -> None:
    """List the installed plugins and what is wrong with them."""


@plugins.command("list")
@options.json_flag
@options.quiet
def list_plugins(as_json: bool, quiet: bool) -> None:
    """List every plugin that was found, how far it came, and why it stopped.

    \b
    zoo plugins list
    zoo plugins list --json
    """
    from zoo import plugins as host
    from zoo.registry import plugin_problems

    wrong = plugin_problems()
    found = [
        replace(plugin, stage="registry", error=wrong[plugin.name]) if plugin.ready and plugin.name in wrong else plugin
        for plugin in host.plugins()
    ]
    if as_json:
        show.as_json([{k: v for k, v in asdict(plugin).items() if k != "traceback"} for plugin in found])
        return
    if quiet:
        show.lines(plugin.name for plugin in found)
        return
    show.table(
        ("plugin", "distribution", "version", "stage", "components", "problem"),
        [
            (
                p.name,
                p.distribution,
                p.version + (" (editable)" if p.editable else ""),
                p.stage,
                sum(o.plugin.name == p.name for o in host.load().offers),
                p.error,
            )
            for p in found
        ],
    )
    missing = [name for name in host.BUNDLED if name not in {plugin.distribution for plugin in found}]
    if missing:
        click.echo(f"Not installed: {', '.join(missing)}. Install: pip install {' '.join(missing)}")
