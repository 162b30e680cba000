"""The command `zoo export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo.plugin import complete_release, json_option, print_json, print_lines, print_table, quiet_option
from zoo_export.choices import FORMATS, PRECISIONS, ROLES, WEB

__all__ = ["export"]


@click.command()
@click.argument("release", metavar="RELEASE", shell_complete=complete_release)
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*FORMATS, WEB]),
    default="onnx",
    show_default=True,
    help="The format of the graphs; web is a page that samples.",
)
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="fp32",
    show_default=True,
    help="fp16 computes in 16 bits, int8 stores weights in 8; their loss is measured.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(ROLES),
    metavar="GRAPH",
    help=f"Only this graph; can be repeated: {', '.join(ROLES)}.",
)
@click.option(
    "--runtime",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="With --format web: a folder of npm's onnxruntime-web. By default npm is asked for it.",
)
@json_option
@quiet_option
def export(
    release: str,
    out: Path,
    format_name: str,
    precision: Any,
    parts: tuple[str, ...],
    runtime: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write a release's networks as graphs that run without Zoo, and without Python, into the new folder OUT.

    The prior is a graph too: it takes random numbers. `sampler` goes from random numbers to pictures. Nothing is
    written before every graph has reproduced the release's test vectors; OUT/export.json says how closely.

    \b
    zoo export dcgan.mnist5k digits/
    zoo export dcgan.mnist5k page/ --format web --precision int8
    """
    if format_name == WEB and parts:
        raise click.UsageError("--part goes with graphs: the page needs the prior and the generator")
    if format_name != WEB and runtime is not None:
        raise click.UsageError("--runtime goes with --format web")

    def tell(line: str) -> None:
        if not (as_json or quiet):
            click.echo(line, err=True)

    if format_name == WEB:
        from zoo_export.web import export_page

        entries = export_page(release, out, precision=precision, runtime=runtime, tell=tell)
    else:
        from zoo_export.export import export as write

        entries = write(release, out, format=format_name, precision=precision, parts=parts, tell=tell)
    if as_json:
        print_json([_row(entry) for entry in entries])
    elif quiet:
        print_lines([out])
    else:
        head = ("graph", "size", "largest error", "relative error")
        print_table(head, [_cells(entry) for entry in entries])
        click.echo(f"{out}: {sum(entry.size for entry in entries) / 1e6:.1f} MB of graphs, all reproduce the release")


def _row(entry: Any) -> dict[str, Any]:
    loss = {"largest": entry.loss.largest, "relative": entry.loss.relative, "rows": entry.loss.rows}
    return {"role": entry.role, "file": entry.file, "size": entry.size, "sha256": entry.sha256, "loss": loss}


def _cells(entry: Any) -> tuple[str, ...]:
    size = f"{entry.size / 1e6:.2f} MB"
    return entry.role, size, f"{entry.loss.largest:.1e}", f"{entry.loss.relative:.1e}"
