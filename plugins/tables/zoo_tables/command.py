"""`zoo table`: the columns of a table as Zoo understands them."""

from __future__ import annotations

from pathlib import Path

import click

from zoo.plugin import json_option, print_json, print_table, write_atomically

__all__ = ["table"]


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="A .table.toml to write, for you to edit and give as the data."
)
@json_option
def table(file: Path, out: Path | None, as_json: bool) -> None:
    """Show the columns of a table, their kinds, and those that cannot be learnt. `-o` writes a description in which
    those are skipped: edit it, and give it as --data.

    \b
    zoo table diamonds.csv
    zoo table diamonds.csv -o diamonds.table.toml
    """
    from zoo_tables.describe import describe_columns, description

    columns, records = describe_columns(file)
    if out is not None:
        write_atomically(out, description(file, out, columns, records))
    if as_json:
        print_json([{"column": one.name, "kind": one.kind, "values": one.values} for one in columns])
        return
    print_table(("column", "kind", "values"), [(one.name, one.kind, one.values) for one in columns])
    click.echo(f"{len(records):,} rows")
    if out is not None:
        click.echo(f"description: {out}")
    elif any(one.kind == "skip" for one in columns):
        click.echo(
            f"skip: cannot be learnt. Leave them out: zoo table {file} -o {file.stem}.table.toml, and give that."
        )
