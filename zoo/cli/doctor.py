"""zoo doctor."""

from __future__ import annotations

import click

from zoo.cli import options, show

__all__ = ["doctor"]


@click.command()
@options.json_option
def doctor(as_json: bool) -> None:
    """Print what a bug report needs (versions, plugins, devices, folders, registries), and problems; exit code 1 if
    there are any. Sends no request.

    \b
    zoo doctor
    zoo doctor --json > report.json
    """
    from zoo.cli.doctor_checks import diagnose

    diagnosis = diagnose()
    if as_json:
        show.print_json(diagnosis.plain())
    else:
        _section("versions", list(diagnosis.versions.items()))
        _section("plugins", [(plugin.name, f"{plugin.release}  {plugin.step}") for plugin in diagnosis.plugins])
        _section("torch", [(diagnosis.torch, "")] if diagnosis.torch else [])
        _section("devices", [(name, "") for name in diagnosis.devices])
        _section(
            "folders",
            [
                (f.use, f"{f.path}  {f.free / 1e9:.1f} GB free{'' if f.writable else ', cannot be written'}")
                for f in diagnosis.folders
            ],
        )
        _section("registries", [(f"{len(layer.entries)} models", layer.path) for layer in diagnosis.registries])
        _section("variables", list(diagnosis.variables.items()))
        click.echo(click.style("problems", bold=True))
        show.print_lines(f"  {problem.what}\n    {problem.repair}" for problem in diagnosis.problems)
        if not diagnosis.problems:
            click.echo("  none found")
    if diagnosis.problems:
        raise SystemExit(1)


def _section(title: str, rows: list[tuple[str, object]]) -> None:
    if rows:
        click.echo(click.style(title, bold=True))
        show.facts([(f"  {key}", value) for key, value in rows])
