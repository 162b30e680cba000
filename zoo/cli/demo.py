"""zoo demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli import options, show

if TYPE_CHECKING:
    from zoo.cli.demo_run import DemoResult

__all__ = ["demo"]


@click.command()
@click.option("--quick", is_flag=True, help="A smaller demo, in at most a minute.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="The folder to write."
)
@options.seed
@options.json_option
def demo(quick: bool, out: Path, seed: int, as_json: bool) -> None:
    """Adapt the bundled autoencoder of printed characters to handwritten digits, transfer it to a GAN, train the same
    GAN from scratch for comparison, and show the gain. Needs no network.

    \b
    zoo demo
    zoo demo --quick --out quick-demo --json
    """
    from zoo.cli.demo_run import demo as run
    from zoo.cli.progress import watching

    with watching(as_json) as watcher:
        watch = [(arm, watcher(f"{arm:<11}")) for arm in ("autoencoder", "transfer", "scratch")]
        try:
            result = run(out, quick=quick, seed=seed, watch=watch)
        except KeyboardInterrupt as stop:
            raise click.Abort(_again(out, quick)) from stop
    if as_json:
        show.print_json(result.plain())
        return
    click.echo("\nKID against held-out digits, lower is better (FID in brackets):\n")
    arms = (result.transfer, result.scratch)
    show.print_table(
        ("images shown", "transfer", "scratch"),
        [
            (f"{at:,}", *(f"{arm['kid'][i]:.4f} ({arm['fid'][i]:.1f})" for arm in arms))
            for i, at in enumerate(result.images)
        ],
    )
    click.echo(f"\n{_verdict(result)}\n")
    show.facts(
        [("samples", result.files["samples"]), ("curve", result.files["curve"]), ("release", result.files["release"])]
    )
    click.echo(f"\n{result.seconds:.0f} s. Next: zoo sample {result.files['release']} -o more.png")


def _again(out: Path, quick: bool) -> str:
    """The next step after Ctrl-C: a demo cannot be resumed, and writes into a new folder."""
    command = "zoo demo --quick" if quick else "zoo demo"
    if not out.is_dir() or not any(out.iterdir()):
        return f"Nothing was trained so far. Start again: {command} --out {out}"
    free = next(path for i in range(2, 10_000) if not (path := out.with_name(f"{out.name}-{i}")).exists())
    shorter = "" if quick else " Shorter: add --quick."
    return f"Start again in a new folder: {command} --out {free}.{shorter} The folder {out} can be deleted."


def _verdict(result: DemoResult) -> str:
    """The result in a sentence or two, whether the transfer helped or not."""
    transfer, scratch = result.transfer["kid"], result.scratch["kid"]
    kids = f"the transferred GAN's KID is {transfer[-1]:.4f}, the scratch GAN's {scratch[-1]:.4f}"
    end = f"At {result.images[-1]:,} images {kids}."
    at = next((i for i, kid in enumerate(transfer) if kid <= scratch[-1]), None)
    if at is None:
        return f"{end} The transfer did not reach the scratch GAN's quality in this run."
    seconds, scratch_seconds = result.transfer["cpu_seconds"][at], result.scratch["cpu_seconds"][-1]
    when = f"after {result.images[at]:,} images" if at else "before adversarial training started"
    return (
        f"{end}\nThe transferred GAN matched the scratch GAN's final KID {when}: after {seconds:.0f} s of computing "
        f"(including adapting the autoencoder), against {scratch_seconds:.0f} s."
    )
