"""What `zoo transfer --explain` prints: the conclusion first, then the reasons, and every tensor if asked for."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from zoo._utils.text import sanitize
from zoo.cli import show

__all__ = ["explain", "explain_first_stage"]

_ORIGINS = {
    "copied": "copied",
    "adapted": "copied with a change",
    "fitted": "fitted to your images",
    "fresh": "fresh",
}


def explain(recipe: Any, as_json: bool, verbose: bool) -> None:
    """What a recipe's transfer would move."""
    from zoo.training.recipe_plan import explain_recipe

    report = explain_recipe(recipe)
    if as_json:
        show.print_json({"strategy": report.strategy, "tensors": report.plain(), "notes": list(report.notes)})
        return
    source = "the trained autoencoder" if recipe.transfer.source == "autoencoder" else recipe.transfer.source
    strategies = [name.rpartition("/")[2] for name in report.strategy.split("+")]
    _paragraph(
        f"The GAN's {len(report.rows)} tensors begin from {source}: {_counts(report.count())}. "
        f"The strategy is {'+'.join(strategies)}."
    )
    click.echo()
    nets = list(dict.fromkeys(row.net for row in report.rows))
    show.facts([(f"  {net}", _counts(report.count(net))) for net in nets])
    if report.notes:
        click.echo()
    for note in report.notes:
        _paragraph(f"- {note.removeprefix('auto: ')}", "  ")
    if verbose:
        click.echo()
        show.report_table(report.rows)
    else:
        click.echo("\nEvery tensor: -v. Train it: give --out in place of --explain.")


def explain_first_stage(recipe: Any, pairs: Path | None, as_json: bool) -> None:
    """What a recipe's first stage keeps of the images; with `pairs`, images beside that as a picture."""
    from zoo._utils.files import write_atomically
    from zoo.data.grids import grid, png_bytes
    from zoo.data.pixels import to_uint8
    from zoo.training.first_stage_report import explain_first_stage as measured

    report = measured(recipe)
    if pairs is not None:
        write_atomically(pairs, png_bytes(grid(to_uint8(report.pairs, report.images), 8)))
    if as_json:
        show.print_json(report.plain())
        return
    kid = "not measured: give --metric" if report.kid is None else f"{report.kid:.4g} ({report.metric})"
    floor = "" if report.floor is None else f", other real images {report.floor:.4g}"
    shown, seconds = recipe.gan.training.images, report.encode + report.train
    _paragraph(
        f"The GAN learns codes that keep {1 - report.error:.1%} of your images' variance. "
        f"{shown:,} images shown take about {show.duration(seconds)}, encoding included."
    )
    click.echo()
    show.facts(
        [
            ("images", f"{report.images}, brought to that size"),
            ("codes", f"{show.shape(report.codes.shape)}, {report.factor} times smaller a side"),
            ("lost", f"{report.error:.1%} of the variance of {report.count} images"),
            ("KID of what is left", f"{kid}{floor}; no GAN of these codes gets below"),
            ("encoding", f"{show.duration(report.encode)}, once"),
            ("training", f"{show.duration(report.train)} for {shown:,} images shown"),
            ("decoding", f"{report.decode * 1000:.0f} ms a sample"),
        ]
    )
    if pairs is not None:
        click.echo(f"pairs: {pairs}")


def _counts(counts: Mapping[str, int]) -> str:
    """`20 copied, 3 fitted to your images and 2 fresh`."""
    parts = [f"{counts[origin]} {words}" for origin, words in _ORIGINS.items() if counts.get(origin)]
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def _paragraph(text: str, indent: str = "") -> None:
    """Text in lines as wide as the terminal, at most 100 letters."""
    width = min(100, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(sanitize(text), width, subsequent_indent=indent, break_on_hyphens=False)
    show.print_lines(lines)
