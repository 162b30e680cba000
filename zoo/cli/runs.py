"""zoo runs ls, show, compare, check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli import options, show
from zoo.errors import ConfigError, near

if TYPE_CHECKING:
    from zoo.training.summary import Figure, Summary

__all__ = ["facts_of", "runs"]


@click.group()
def runs() -> None:
    """List your runs, look at one, set several side by side, verify one.

    \b
    zoo runs ls
    zoo runs compare runs/scratch runs/transfer
    """


@runs.command("ls", short_help="List the runs below a folder.")
@click.argument("folder", type=click.Path(path_type=Path), default="runs")
@options.json_option
@options.quiet_option
def list_runs(folder: Path, as_json: bool, quiet: bool) -> None:
    """List the runs in FOLDER (runs/ by default) and below it, with what became of each.

    \b
    zoo runs ls
    zoo runs ls experiments/ --json
    """
    from zoo.training.summary import find_runs, summarise

    folders = find_runs(folder)
    if quiet:
        show.print_lines(folders)
        return
    summaries = [summarise(path) for path in folders]
    if as_json:
        show.print_json([summary.plain() for summary in summaries])
    elif not summaries:
        click.echo(f"{folder} holds no run. Begin one: zoo train gan --data mnist5k --out {folder}/first")
    else:
        show.print_table(
            ("run", "state", "shown", "of", "best", "strategy", "source", "data"),
            [_row(summary, folder) for summary in summaries],
        )


@runs.command("show", short_help="Show a run: state, lineage, figures, curve.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--figure", help="What to draw: a metric or a loss. By default the metric that decides.")
@click.option("--png", type=click.Path(path_type=Path), help="Write the curve here too.")
@options.json_option
def show_run(run: Path, figure: str | None, png: Path | None, as_json: bool) -> None:
    """Show the run in RUN: its state, where it comes from, what was measured, and its curve.

    \b
    zoo runs show runs/mine
    zoo runs show runs/mine --figure d_loss --png d_loss.png
    """
    from zoo.training.summary import summarise

    summary = summarise(run)
    name = figure or _default(summary)
    if png is not None:
        _write_png([summary], name, png)
    if as_json:
        show.print_json(summary.plain())
        return
    show.facts(facts_of(summary))
    if name:
        _draw([summary], name)


@runs.command("compare", short_help="Set runs side by side.")
@click.argument("folders", metavar="RUN RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--figure", help="What to compare: a metric or a loss. By default the metric that decides.")
@click.option("--png", type=click.Path(path_type=Path), help="Write the curves here too.")
@options.json_option
def compare(folders: tuple[Path, ...], figure: str | None, png: Path | None, as_json: bool) -> None:
    """Set runs side by side: what was measured, the settings in which they differ, and their curves.

    \b
    zoo runs compare runs/scratch runs/transfer
    zoo runs compare runs/* --figure fid --png fid.png
    """
    from zoo.training.recipe_diff import differences, short_value
    from zoo.training.summary import summarise

    summaries = [summarise(folder) for folder in dict.fromkeys(folders)]
    differing = differences([summary.recipe for summary in summaries])
    name = figure or next((default for default in map(_default, summaries) if default), None)
    if png is not None:
        _write_png(summaries, name, png)
    if as_json:
        show.print_json(
            {
                "figure": name,
                "runs": [summary.plain() for summary in summaries],
                "settings": [{"key": key, "values": list(values)} for key, values in differing],
            }
        )
        return
    _table(summaries, name)
    if differing:
        click.echo()
        show.print_table(
            ("setting", *_labels(summaries)), [(key, *map(short_value, values)) for key, values in differing]
        )
    if name:
        click.echo()
        _draw(summaries, name)


@runs.command("check", short_help="Verify every file of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@options.json_option
def check(run: Path, as_json: bool) -> None:
    """Verify the run in RUN: its recipe, events, checkpoints, sources and samples are there, and as they were written.
    Exit code 1 if something is wrong.

    \b
    zoo runs check runs/mine
    zoo runs check runs/mine --json
    """
    from dataclasses import asdict

    from zoo.training.run_check import check_run

    checked = check_run(run)
    if as_json:
        show.print_json({"run": str(run), **asdict(checked)})
    elif checked.problems:
        show.print_lines(
            line for problem in checked.problems for line in (problem.what, f"  {problem.hint}") if line.strip()
        )
    else:
        click.echo(f"{run}: {checked.checkpoints} checkpoints and {checked.events:,} events; nothing is wrong")
    if checked.problems:
        raise SystemExit(1)


def _row(summary: Summary, root: Path) -> tuple[object, ...]:
    best = summary.best_figure()
    inside = summary.folder.relative_to(root) if summary.folder != root else summary.folder
    return (
        inside,
        _state(summary),
        f"{summary.shown:,}",
        f"{summary.total:,}",
        f"{summary.best} {best.value:.4g}" if best else "-",
        summary.strategy or "-",
        summary.source or "-",
        _name_of_data(summary),
    )


def facts_of(summary: Summary) -> list[tuple[str, object]]:
    """A run's state, lineage and figures, one a row."""
    recipe = summary.recipe
    rows: list[tuple[str, object]] = [
        ("run", summary.folder),
        ("state", _state(summary) + (f": {summary.error}" if summary.error else "")),
        ("last event", f"{_ago(summary.seconds_ago)} ago"),
        ("images shown", f"{summary.shown:,} of {summary.total:,}"),
    ]
    if summary.images_per_second:
        rows.append(("images a second", f"{summary.images_per_second:,.0f}"))
    if recipe is not None:
        rows += [("strategy", summary.strategy), ("source", summary.source or "-"), ("data", recipe.data.source)]
        if recipe.first_stage is not None:
            origin = recipe.first_stage.origin
            rows.append(("first stage", f"{origin.name} {origin.version}" if origin else "brought in memory"))
        rows += [("seed", recipe.seed)]
        if recipe.parent is not None:
            changed = ", ".join(f"{key} = {value}" for key, value in recipe.parent.overridden.items())
            rows.append(("goes on from", f"{recipe.parent.run} at {recipe.parent.shown:,} images, with {changed}"))
            rows.append(("its checkpoint", f"sha256 {recipe.parent.sha256}"))
    for name, figures in summary.figures.items():
        best = summary.best_figure(name)
        assert best is not None, "a figure that was measured has a best value"
        last = figures[-1]
        rows.append((name, f"{last.value:.4g} at {last.shown:,}, best {best.value:.4g} at {best.shown:,}"))
    if summary.state in ("stopped", "died", "failed"):
        rows.append(("continue", f"zoo resume {summary.folder}"))
    return rows


def _table(summaries: Sequence[Summary], name: str | None) -> None:
    """One row a run; the last column says how soon each was as good as the weakest run ever got."""
    bests = [summary.best_figure(name) for summary in summaries]
    level = None
    if len(summaries) > 1 and all(bests) and name in summaries[0].figures:
        sign = summaries[0].sign(name)
        level = sign * max(sign * best.value for best in bests if best)
    rows = []
    for label, summary, best in zip(_labels(summaries), summaries, bests, strict=True):
        series = _series(summary, name) if name else []
        last = f"{series[-1].value:.4g} at {series[-1].shown:,}" if series else "-"
        row = [label, _state(summary), f"{summary.shown:,}", last]
        row.append(f"{best.value:.4g} at {best.shown:,}" if best else "-")
        if level is not None:
            row.append(f"{next(f.shown for f in series if sign * f.value <= sign * level):,}")
        rows.append(row)
    head = ["run", "state", "shown", f"last {name or ''}".strip(), "best"]
    show.print_table([*head, f"reaches {level:.4g} at"] if level is not None else head, rows)


def _draw(summaries: Sequence[Summary], name: str) -> None:
    from rich.console import Console

    from zoo.report.plots import plot

    series = {
        label: [(figure.shown, figure.value) for figure in _series(summary, name)]
        for label, summary in zip(_labels(summaries), summaries, strict=True)
    }
    console = Console(markup=False)
    drawn = plot(
        {label: points for label, points in series.items() if points},
        xlabel="images shown",
        ylabel=name,
        width=min(console.width, 110),
    )
    console.print(drawn, soft_wrap=True, end="")


def _write_png(summaries: Sequence[Summary], name: str | None, path: Path) -> None:
    from zoo._utils.files import write_atomically
    from zoo.report.curves import curve

    if name is None:
        raise ConfigError("there is nothing to draw: nothing was measured", "Wait for the first event.")
    series = {
        label: [(figure.shown, figure.value, figure.low, figure.high) for figure in series]
        for label, summary in zip(_labels(summaries), summaries, strict=True)
        if (series := _series(summary, name))
    }
    write_atomically(path, curve(series, xlabel="images shown", ylabel=name, title=name))


def _series(summary: Summary, name: str) -> list[Figure]:
    """A metric's or a loss's values. Raises ConfigError for one that no event of the run has."""
    known = summary.figures | summary.losses
    if name not in known and known:
        raise ConfigError(f"{summary.folder} has no figure {name!r}", near(name, known))
    return known.get(name, [])


def _default(summary: Summary) -> str | None:
    """The metric that decides, else another one, else the loss."""
    for name in (summary.best, *summary.figures, "loss", "g_loss", *summary.losses):
        if name in summary.figures or name in summary.losses:
            return name
    return None


def _labels(summaries: Sequence[Summary]) -> list[str]:
    """The folders without what they have in common."""
    paths = [summary.folder.resolve().parts for summary in summaries]
    shared = 0
    while len(paths) > 1 and all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    return [str(Path(*path[shared:])) if len(paths) > 1 else str(Path(path[-1])) for path in paths]


def _state(summary: Summary) -> str:
    late = summary.state in ("running", "silent") and summary.seconds_ago > 60
    return f"{summary.state} ({_ago(summary.seconds_ago)} without a word)" if late else summary.state


def _name_of_data(summary: Summary) -> str:
    if summary.recipe is None:
        return "-"
    source = summary.recipe.data.source
    return Path(source).name if Path(source).is_absolute() else source.rpartition("/")[2] or source


def _ago(seconds: float) -> str:
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
