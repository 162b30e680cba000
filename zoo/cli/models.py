"""zoo list, info."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, options, pictures, show

__all__ = ["info", "list_models"]

_PREVIEWED = 12
"""With more releases than this the pictures would push the list out of sight."""


@click.command("list")
@click.argument("pattern", default="*", shell_complete=completing.complete_release)
@click.option(
    "--fits",
    "autoencoder",
    metavar="NAME",
    shell_complete=completing.complete_release,
    help="What goes with that release's autoencoder, and why not.",
)
@options.json_option
@options.quiet_option
def list_models(pattern: str, autoencoder: str | None, as_json: bool, quiet: bool) -> None:
    """List the releases of the registries, by a glob over their names: the newest version of each name. A pattern with
    an @ lists every version; --json tells codes and plugins too.

    \b
    zoo list
    zoo list 'dcgan.*' --json
    zoo list 'dcgan.*@*'
    zoo list --fits dcgan.glyphs-sans32
    """
    if autoencoder is not None:
        _fits(autoencoder, pattern, as_json, quiet)
        return
    from zoo.registry.index import models

    entries = models(pattern)
    if as_json:
        show.print_json([entry.plain() for entry in entries])
    elif quiet:
        show.print_lines(entry.key if "@" in pattern else entry.name for entry in entries)
    elif entries:
        versions = "@" in pattern
        head = ("name", "trained on", "size", "colour", "GAN", "license")
        show.print_table(head, [_row(entry, versions) for entry in entries])
        for entry in entries:
            if entry.default:
                click.echo(f"* {entry.name.partition('.')[0]} alone means this one")
                break
        _previews(entries)
    else:
        from zoo.plugins import install_command

        click.echo(f"No release matches {pattern!r}. `{install_command('zoo-starter')}` brings some.", err=True)


@click.command()
@click.argument("name", shell_complete=completing.any_component)
@click.option("--component", is_flag=True, help="NAME is a component: show its settings.")
@click.option("--kind", shell_complete=completing.kinds, help="The component's kind, where several have the name.")
@options.json_option
def info(name: str, component: bool, kind: str | None, as_json: bool) -> None:
    """Show what is known of a release or a run, or with --component the settings of a component.

    \b
    zoo info dcgan.glyphs-sans32
    zoo info dcgan --component
    """
    from zoo.training.run_dir import is_run

    if component:
        _component(name, kind, as_json)
    elif is_run(Path(name)):
        _run(Path(name), as_json)
    else:
        _release(name, as_json)


def _row(entry: Any, versions: bool) -> tuple[object, ...]:
    from zoo.registry.trained_on import trained_on

    name = f"{entry.key if versions else entry.name}{' *' * entry.default}"
    channels, *sides = entry.data.shape
    colour = {1: "grey", 3: "colour"}.get(channels, f"{channels} channels") if sides else "-"
    size = show.shape(sides) or f"{channels} values"
    return (name, trained_on(entry) or "-", size, colour, "yes" if "gan" in entry.parts else "no", entry.license)


def _previews(entries: Any) -> None:
    """A strip of samples of each release on this machine, if the terminal can show pictures."""
    if not pictures.shows() or len(entries) > _PREVIEWED:
        return
    from zoo.registry.index import available_release

    for entry in entries:
        local = available_release(entry)
        if local is not None:
            click.echo(f"\n{entry.name}")
            pictures.samples(*local, tiles=4, rows=1)


def _release(name: str, as_json: bool) -> None:
    from zoo.registry.index import open_release
    from zoo.registry.trust import trust_of
    from zoo.release.manifest import manifest_bytes

    folder, manifest = open_release(name)
    if as_json:
        import json

        show.print_json(json.loads(manifest_bytes(manifest)) | {"folder": str(folder)})
        return
    rows: list[tuple[str, object]] = [
        ("name", manifest.name),
        ("version", manifest.version),
        ("license", manifest.license),
        ("sample", f"{list(manifest.output.shape)} in [{manifest.output.low:g}, {manifest.output.high:g}]"),
        ("code", f"{'x'.join(map(str, manifest.code_shape))} values"),
        ("folder", folder),
        ("trust", trust_of(folder)),
    ]
    rows += [
        (role, f"{part.component}  {part.parameters:,} parameters  {part.config or ''}")
        for role, part in manifest.parts.items()
    ]
    if manifest.first_stage is not None:
        rows.append(("first stage", _first_stage(manifest)))
    if manifest.lineage is not None:
        source = manifest.lineage.source
        origin = f"{source.name} {source.version}" if source else "an autoencoder without a release"
        if source and source.adapted:
            origin += f", adapted with {source.adapted:,} images"
        rows.append(("transfer", f"{manifest.lineage.strategy} from {origin}"))
        for one in manifest.lineage.further:
            what = one.encoder or (f"{one.source.name} {one.source.version}" if one.source else "an autoencoder")
            rows.append((f"and {one.name}", what))
    rows += [
        (metric.name, f"{metric.value:.4g} on {metric.data} ({metric.split}, n={metric.n})")
        for metric in manifest.metrics
    ]
    rows += [("credit", credit) for credit in manifest.credits]
    show.facts(rows)
    if pictures.shows():
        pictures.samples(folder, manifest, columns=96, rows=2)


def _first_stage(manifest: Any) -> str:
    entry = manifest.first_stage
    name = f"{entry.source.name} {entry.source.version}" if entry.source else "an autoencoder without a release"
    where = "contained" if entry.pinned is None else "pinned"
    return f"{name} ({entry.license or 'own'}), {where}: {show.shape(manifest.data.shape)} values an image"


def _run(folder: Path, as_json: bool) -> None:
    from zoo.cli.runs import facts_of
    from zoo.training.summary import summarise

    summary = summarise(folder)
    if as_json:
        show.print_json(summary.plain())
    else:
        show.facts(facts_of(summary))


def _component(name: str, kind: str | None, as_json: bool) -> None:
    import dataclasses

    from zoo import plugins
    from zoo.config import settings_of
    from zoo.errors import UnknownName, near

    offers = [
        registered
        for registered in plugins.components(kind, name)
        if name in (registered.id, registered.component.name)
    ]
    if not offers:
        known = [registered.component.name for registered in plugins.components(kind, "*?")]
        raise UnknownName(f"there is no component {name!r}", near(name, known))
    records = [
        {
            "kind": registered.component.kind,
            "id": registered.id,
            "summary": registered.component.summary,
            "distribution": f"{registered.plugin.distribution} {registered.plugin.version}",
            "settings": [dataclasses.asdict(setting) for setting in settings_of(plugins.config_class(registered))],
        }
        for registered in offers
    ]
    if as_json:
        show.print_json(records)
        return
    for registered, record in zip(offers, records, strict=True):
        click.echo(click.style(f"{record['kind']} {record['id']}", bold=True) + f"  {registered.component.summary}")
        click.echo(f"  from {record['distribution']}")
        show.facts([(f"  {s.name}", f"{s.type} = {s.default}") for s in settings_of(plugins.config_class(registered))])


def _fits(name: str, pattern: str, as_json: bool, quiet: bool) -> None:
    import fnmatch
    from dataclasses import asdict

    from zoo.errors import ConfigError
    from zoo.registry.load import load
    from zoo.transfers.compatibility import check_compatibility

    autoencoder = load(name).autoencoder
    if autoencoder is None:
        raise ConfigError(f"{name} holds no autoencoder", "zoo list shows what each release holds.")
    fits = [fit for fit in check_compatibility(autoencoder) if fnmatch.fnmatchcase(fit.name, pattern)]
    if as_json:
        show.print_json([asdict(fit) for fit in fits])
    elif quiet:
        show.print_lines(fit.name for fit in fits if fit.fits)
    else:
        rows = [(fit.kind, fit.name, "yes" if fit.weights else "no", fit.why or "fits") for fit in fits]
        show.print_table(("kind", "name", "takes weights", ""), rows)
