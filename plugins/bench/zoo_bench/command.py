"""The command `zoo bench`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from zoo.plugin import json_option, out_option, print_json, print_lines, print_table, quiet_option

__all__ = ["bench"]


class _SuiteOrCommand(click.Group):
    """`zoo bench SUITE.toml` runs a suite; `zoo bench COMMAND` runs that command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)


@click.group(cls=_SuiteOrCommand)
def bench() -> None:
    """Compare ways to train, paired and tuned, over data sets, architectures, autoencoders and seeds.

    \b
    zoo bench recipes/bench/smoke.toml --out bench/smoke
    zoo bench report bench/smoke
    """


@bench.command(short_help="Run a suite, or go on with one.")
@click.argument("suite", type=click.Path(path_type=Path), metavar="SUITE.toml")
@out_option
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Local processes.")
@click.option("--ray", "address", metavar="HOST:PORT", help="Use this Ray cluster, which sees the folder OUT too.")
@click.option("--dry-run", is_flag=True, help="List the runs and make none.")
@json_option
@quiet_option
def run(suite: Path, out: Path, workers: int, address: str | None, dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Run a suite, or go on with one that was stopped; finished runs are never repeated.

    \b
    zoo bench run recipes/bench/smoke.toml --out bench/smoke --dry-run
    zoo bench run recipes/bench/smoke.toml --out bench/smoke --workers 2
    """
    from zoo_bench.suite import final_runs, images_to_show, read_suite, source_runs, trial_runs

    wanted = read_suite(suite)
    if dry_run:
        specs = [*source_runs(wanted), *trial_runs(wanted), *final_runs(wanted, {})]
        planned = [(spec.id, images_to_show(wanted, spec)) for spec in specs]
        if as_json:
            print_json([{"cell": name, "images": images} for name, images in planned])
        else:
            print_table(("run", "images"), planned)
            click.echo(f"{len(planned)} runs, {sum(images for _, images in planned):,} images")
        return
    from zoo_bench.cluster import Cluster
    from zoo_bench.scheduler import TABLE, run_suite

    cluster = Cluster(address, wanted.threads) if address is not None else None
    slots = workers if cluster is None else cluster.slots
    with _watching(wanted.name, quiet or as_json) as watch:
        rows = run_suite(wanted, out.resolve(), workers=slots, watch=watch, executor=cluster)
    if as_json:
        print_json({"table": str(out / TABLE), "rows": len(rows)})
    elif quiet:
        print_lines([out / TABLE])
    else:
        click.echo(f"{len(rows):,} rows in {out / TABLE}. Next: zoo bench report {out}")


@bench.command(short_help="Tabulate and plot the results of suites.")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="DIR...")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="Write tables, recipes and pictures to this folder, and RESULTS.md next to it.",
)
@json_option
@quiet_option
def report(folders: tuple[Path, ...], out: Path | None, as_json: bool, quiet: bool) -> None:
    """Learning curves, thresholds, intervals and costs of suites' tables, as Markdown.

    \b
    zoo bench report bench/main
    zoo bench report bench/main bench/screen --out results
    """
    from zoo_bench.results_page import store, write_page

    if out is None and len(folders) > 1:
        raise click.UsageError("several suites make one page: say where with --out")
    written = store(folders, out) if out is not None else write_page(folders, folders[0], folders[0] / "RESULTS.md")
    if as_json:
        print_json({"page": str(written)})
    elif quiet:
        print_lines([written])
    else:
        click.echo(f"written: {written}")


@contextmanager
def _watching(title: str, quiet: bool) -> Iterator[Callable[[Any], None]]:
    """A progress bar over the whole suite with the time left; a line per finished run if output is piped."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True, markup=False)

    def summary(progress: Any) -> str:
        left = "?" if progress.seconds_left is None else _duration(progress.seconds_left)
        return f"{progress.runs}/{progress.total_runs} runs, {left} left"

    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            TextColumn("{task.fields[note]}", markup=False),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(title, total=None, note="")

            def draw(progress: Any) -> None:
                bar.update(task, total=progress.total_images, completed=progress.images, note=summary(progress))
                if progress.finished:
                    bar.console.print(f"  {progress.finished}: {progress.status}", highlight=False)

            yield draw
    else:

        def write(progress: Any) -> None:
            if progress.finished:
                console.print(f"{progress.finished}: {progress.status}; {summary(progress)}", highlight=False)

        yield write


def _duration(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"
