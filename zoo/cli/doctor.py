"""zoo doctor."""

from __future__ import annotations

import click

from zoo.cli import options, show

__all__ = ["doctor"]


@click.command()
@options.json_flag
def doctor(as_json: bool) -> None:
    """Print what a bug report needs (versions, plugins, devices, folders, registries) and what is wrong; exit code 1 if
    anything is. Asks no server.

    \b
    zoo doctor
    zoo doctor --json > report.json
    """
    from zoo.cli.doctor_checks import diagnose

    found = diagnose()
    if as_json:
        show.as_json(found.plain())
    else:
        _section("versions", list(found.versions.items()))
        _section("plugins", [(one.name, f"{one.release}  {one.step}") for one in found.plugins])
        _section("devices", [(name, "") for name in found.devices])
        _section(
            "folders",
            [(one.use, f"{one.path}  {one.free / 1e9:.1f} GB free{_read_only(one)}") for one in found.folders],
        )
        _section("registries", [(f"{len(one.entries)} models", one.path) for one in found.registries])
        _section("variables", list(found.variables.items()))
        click.echo(click.style("what is wrong", bold=True))
        show.lines(f"  {one.what}\n    {one.repair}" for one in found.problems)
        if not found.problems:
            click.echo("  nothing that could be found")
    if found.problems:
        raise SystemExit(1)


def _read_only(folder: object) -> str:
    return "" if getattr(folder, "writable", True) else ", cannot be written"


def _section(title: str, rows: list[tuple[str, object]]) -> None:
    if rows:
        click.echo(click.style(title, bold=True))
        show.facts([(f"  {key}", value) for key, value in rows])
