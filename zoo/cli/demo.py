"""zoo demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoo.cli import options, show

if TYPE_CHECKING:
    from zoo.cli.demo_photos import PhotosResult
    from zoo.cli.demo_run import DemoResult

__all__ = ["demo"]


@click.command()
@click.option("--photos", is_flag=True, help="Pictures in colour at 64 px, in about five minutes.")
@click.option("--quick", is_flag=True, help="A smaller demo, in at most a minute.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="The folder to write.  [default: demo, with --photos demo-photos]",
)
@options.seed
@options.json_option
def demo(photos: bool, quick: bool, out: Path | None, seed: int, as_json: bool) -> None:
    """Adapt the bundled autoencoder of printed characters to handwritten digits, transfer it to a GAN, train the same
    GAN from scratch for comparison, and show the gain. With --photos draw planets, and learn them in colour: in the
    codes of the bundled first stage, and in pixels from scratch in the same time. Needs no network.

    \b
    zoo demo
    zoo demo --quick --out quick-demo --json
    zoo demo --photos
    """
    out = out or Path("demo-photos" if photos else "demo")
    try:
        if photos:
            _photos(out, quick, seed, as_json)
        else:
            _digits(out, quick, seed, as_json)
    except KeyboardInterrupt as stop:
        raise click.Abort(_again(out, "zoo demo" + " --photos" * photos, quick)) from stop


def _digits(out: Path, quick: bool, seed: int, as_json: bool) -> None:
    from zoo.cli.demo_run import demo as run
    from zoo.cli.progress import watching

    with watching(as_json) as watcher:
        watch = [(arm, watcher(f"{arm:<11}")) for arm in ("autoencoder", "transfer", "scratch")]
        result = run(out, quick=quick, seed=seed, watch=watch)
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


def _photos(out: Path, quick: bool, seed: int, as_json: bool) -> None:
    from zoo.cli.demo_photos import METRIC, demo_photos
    from zoo.cli.progress import watching

    with watching(as_json) as watcher:
        watch = [(arm, watcher(f"{arm:<11}")) for arm in ("drawing", "autoencoder", "transfer", "scratch")]
        result = demo_photos(out, quick=quick, seed=seed, watch=watch)
    if as_json:
        show.print_json(result.plain())
        return
    click.echo(f"\nKID in the features {METRIC} against held-out pictures, lower is better:\n")
    transfer, scratch = result.transfer, result.scratch
    show.print_table(
        ("transfer", "", "scratch", ""),
        [
            [text for arm in (transfer, scratch) for text in (f"{arm['cpu_seconds'][i]:.0f} s", f"{arm['kid'][i]:.3f}")]
            for i in range(len(transfer["kid"]))
        ],
    )
    click.echo(f"\n{_photos_verdict(result)}\n")
    show.facts([(name, result.files[name]) for name in ("pictures", "samples", "curve", "release")])
    click.echo(f"\n{result.seconds:.0f} s. Next: zoo interpolate {result.files['release']} -o walk.gif")


def _photos_verdict(result: PhotosResult) -> str:
    """The result in a sentence or two, whether the first stage helped or not."""
    transfer, scratch = result.transfer, result.scratch
    ours, theirs = (f"{arm['kid'][-1]:.3f} after {arm['cpu_seconds'][-1]:.0f} s" for arm in (transfer, scratch))
    end = f"The transferred GAN's KID is {ours} of computing, the scratch GAN's {theirs}."
    at = next((i for i, kid in enumerate(transfer["kid"]) if kid <= scratch["kid"][-1]), None)
    if at is None:
        return f"{end} The transfer did not reach the scratch GAN's quality in this run."
    when = "" if at else ", before adversarial training started"
    return f"{end}\nThe transferred GAN was as good as that after {transfer['cpu_seconds'][at]:.0f} s{when}."


def _again(out: Path, command: str, quick: bool) -> str:
    """The next step after Ctrl-C: a demo cannot be resumed, and writes into a new folder."""
    command += " --quick" * quick
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
