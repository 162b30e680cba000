"""zoo train, transfer, resume, release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from zoo.cli import completing, explain as explained, options, show

__all__ = ["release", "resume", "train", "transfer"]


@click.command()
@click.argument("what", metavar="autoencoder|gan|RECIPE.toml")
@click.option(
    "--data", shell_complete=completing.complete_data, help="A data set's name, a folder of images, or an .npz."
)
@options.out_option
@options.component("--encoder", "encoder", "The autoencoder's encoder.")
@options.component("--decoder", "generator", "The autoencoder's decoder.")
@options.component("--generator", "generator", "The GAN's generator.")
@options.component("--discriminator", "encoder", "The GAN's discriminator: any encoder, or a discriminator component.")
@options.component("--bottleneck", "bottleneck", "What makes a code of the embedding.")
@click.option(
    "--first-stage",
    shell_complete=completing.complete_model,
    metavar="NAME",
    help="Learn the codes of this autoencoder in place of pixels.",
)
@options.flip
@options.code_shape
@options.shape
@options.size
@options.training
@options.by_class
@options.balance
@options.running
def train(
    what: str, out: Path, track: tuple[str, ...], as_json: bool, quiet: bool, by_class: bool, **given: Any
) -> None:
    """Train an autoencoder, a GAN from scratch, or everything that a recipe names.

    \b
    zoo train autoencoder --data glyphs-sans32 --out runs/glyphs
    zoo train gan --first-stage spatial.photos4 --data photos/ --out runs/photos
    zoo train gan --by-class --data photos/ --size 32 --out runs/classes
    zoo train recipes/founding.toml --out runs/founding
    """
    from zoo.cli.recipes import recipe_from_options
    from zoo.training.classes import with_classes

    recipe = recipe_from_options(what, given)
    recipe = with_classes(recipe) if by_class else recipe
    _run(_augmented(recipe, given, as_json or quiet) if what == "gan" else recipe, out, track, as_json, quiet)


@click.command()
@click.argument("source", required=False, shell_complete=completing.complete_model)
@options.data
@click.option(
    "--strategy",
    shell_complete=completing.complete_strategy,
    help="Strategies, joined by +; by default auto, which chooses, or for tables what suits them.",
)
@click.option(
    "--further", multiple=True, metavar="NAME=SOURCE", help="A further source that a strategy uses: a release or a run."
)
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The folder to write.")
@options.component("--generator", "generator", "Another generator than one like the decoder.")
@options.component("--discriminator", "encoder", "Another discriminator than one like the encoder.")
@options.shape
@options.size
@options.training
@options.by_class
@options.balance
@click.option("--adapt", type=int, metavar="IMAGES", help="First let the autoencoder learn so many of your images.")
@click.option(
    "--space",
    type=click.Choice(["auto", "pixels", "codes"]),
    default="auto",
    show_default=True,
    help="Where the GAN lives: in pixels, or in the codes of an autoencoder that keeps places.",
)
@options.flip
@click.option(
    "--second-stage",
    type=click.IntRange(1),
    metavar="IMAGES",
    help="First train an autoencoder of the codes for so many images, and hand that to the GAN.",
)
@click.option("--explain", is_flag=True, help="Show what would move where, or what a first stage keeps; train nothing.")
@click.option("--verbose", "-v", is_flag=True, help="With --explain: show every tensor.")
@click.option(
    "--pairs", type=click.Path(path_type=Path), help="With --explain: draw images beside what a first stage keeps."
)
@options.running
def transfer(
    source: str | None,
    strategy: str | None,
    space: Any,
    flip: bool,
    second_stage: int | None,
    out: Path | None,
    explain: bool,
    verbose: bool,
    by_class: bool,
    pairs: Path | None,
    track: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Hand what the autoencoder SOURCE learnt to a GAN, and train the GAN on your images. Without SOURCE the release
    that keeps them best is taken.

    \b
    zoo transfer dcgan.glyphs-sans32 --data photos/ --adapt 12800 --out runs/mine
    zoo transfer spatial.photos4 --data photos/ --out runs/photos
    zoo transfer --data photos/ --out runs/photos
    zoo transfer spatial.photos4 --data photos/ --explain --pairs pairs.png
    """
    from zoo.cli import choosing
    from zoo.cli.recipes import recipe_from_options
    from zoo.training.classes import with_classes
    from zoo.training.run_dir import autoencoder_run_dir
    from zoo.training.spaces import in_chosen_space

    chosen = choosing.choose(given, out, as_json or quiet) if source is None else None
    if chosen is not None:
        source, given["adapt"] = chosen.name, choosing.images_to_adapt(chosen, given, space)
    recipe = recipe_from_options("gan", given, source=source, strategy=strategy)
    if recipe.data.clusters is not None:
        recipe, by_class = _clustered(recipe, out, quiet or as_json), True
    recipe, reason = in_chosen_space(recipe, space, flip=flip, second_stage=second_stage)
    recipe = _augmented(with_classes(recipe) if by_class else recipe, given, as_json or quiet)
    if reason and not (as_json or quiet):
        click.echo(reason, err=True)
    if explain and recipe.first_stage is not None:
        explained.explain_first_stage(recipe, pairs, as_json)
    elif explain:
        explained.explain(recipe, as_json, verbose)
    elif out is None:
        raise click.UsageError("give the folder to write: --out runs/mine (or --explain, to train nothing)")
    else:
        if chosen is not None and not (as_json or quiet):
            choosing.tell_time(recipe)
        _run(recipe, out, track, as_json, quiet, autoencoder_run_dir(out) if recipe.autoencoder is not None else None)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.option("--override", multiple=True, metavar="KEY=VALUE", help="Go on with another setting, in a new run.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="The new run's folder, for --override.")
@click.option("--accumulate", type=click.IntRange(1), help="Cut every batch into so many parts from here on.")
@options.device
@options.track
@options.json_option
@options.quiet_option
def resume(
    run: Path,
    override: tuple[str, ...],
    out: Path | None,
    accumulate: int | None,
    device: str | None,
    track: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Continue the run in the folder RUN from its last checkpoint, exactly.

    \b
    zoo resume runs/mine
    zoo resume runs/mine --override images=200000 --out runs/longer
    """
    from zoo.cli.progress import watching
    from zoo.training.api import resume as resume_run
    from zoo.training.run_dir import RunDirectory

    settings = options.parse_settings(override, "--override")
    engine = {key: value for key, value in (("accumulate", accumulate), ("device", device)) if value is not None}
    finished = not settings and bool(RunDirectory(run).events("end"))
    with watching(quiet or as_json) as titled, _hint_on_interrupt(out or run):
        done = resume_run(run, override=settings, out=out, engine=engine, watch=[titled("resumed")], track=track)
    _report({"run": done}, out or run, as_json, quiet)
    if finished:
        longer = f"zoo resume {run} --override images={2 * done.shown} --out NEW"
        click.echo(f"It was finished: nothing was left to do. To train longer: {longer}", err=True)


@click.command()
@click.argument("run", type=click.Path(path_type=Path, file_okay=False))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--license", required=True, help="An SPDX expression, such as CC-BY-SA-3.0; there is no default.")
@click.option("--name", help="arch.tag; by default from the generator and the data.")
@click.option("--version", default="0.1.0", show_default=True, help="The release's, X.Y.Z.")
@click.option("--best", is_flag=True, help="The best checkpoint by the recipe's figure, not the last one.")
@options.json_option
@options.quiet_option
def release(
    run: Path, folder: Path, license: str, name: str | None, version: str, best: bool, as_json: bool, quiet: bool
) -> None:
    """Make the release FOLDER of the run in RUN: weights, test vectors, card and manifest.

    \b
    zoo release runs/mine release/ --license CC-BY-SA-3.0
    zoo release runs/mine release/ --license MIT --name dcgan.mine --best
    """
    from zoo._utils.text import sanitize
    from zoo.release.manifest import AUTOENCODER
    from zoo.training.api import open_run
    from zoo.training.summary import summarise

    opened = open_run(run, best=best)
    manifest = opened.release(folder, license=license, name=name, version=version, best=best)
    summary = summarise(run)
    if not best and summary.state != "finished":
        why = f" ({summary.error})" if summary.error else ""
        which = f"this is its checkpoint of {opened.shown:,} of {summary.total:,} images"
        click.echo(sanitize(f"warning: the run is {summary.state}{why}: {which}"), err=True)
    if as_json:
        show.print_json({"name": manifest.name, "version": manifest.version, "folder": str(folder)})
    elif quiet:
        show.print_lines([folder])
    else:
        click.echo(f"{manifest.name} {manifest.version} is in {folder}. Check it: zoo verify {folder}")
        if opened.autoencoder is not None and AUTOENCODER[0] not in manifest.parts:
            click.echo("It holds the GAN alone: the autoencoder has another shape of image or code.")


def _clustered(recipe: Any, out: Path | None, quiet: bool) -> Any:
    """The recipe with the clusters that it asks for as classes, written beside the run's folder."""
    from zoo.training.classes import clusters_dir, with_clusters

    if out is None:
        raise click.UsageError("the clusters of --labels auto:N are written beside a run: give --out, or zoo cluster")
    clustered = with_clusters(recipe, clusters_dir(out))
    if not quiet:
        click.echo(f"{recipe.data.clusters} classes: look at {clusters_dir(out) / 'clusters.png'}", err=True)
    return clustered


def _augmented(recipe: Any, given: dict[str, Any], silent: bool) -> Any:
    """The recipe, augmented if there are few images and the user did not set it; what is done is said on stderr."""
    from zoo.training.few_images import augmented_if_few

    if "augment" in options.parse_settings(given["given"]):
        return recipe
    recipe, said = augmented_if_few(recipe)
    if said and not silent:
        click.echo(said, err=True)
    return recipe


def _run(
    recipe: Any, out: Path, track: tuple[str, ...], as_json: bool, quiet: bool, adapted: Path | None = None
) -> None:
    from zoo.cli.progress import watching
    from zoo.training.pipeline import run_recipe

    with watching(quiet or as_json) as titled, _hint_on_interrupt(out):
        outcome = run_recipe(
            recipe,
            out,
            autoencoder_out=adapted,
            watch=[titled(recipe.name)],
            autoencoder_watch=[titled("autoencoder")],
            track=track,
        )
    runs = {name: run for name, run in (("autoencoder", outcome.autoencoder), ("gan", outcome.gan)) if run is not None}
    _report(runs, out, as_json, quiet, outcome)


def _report(runs: dict[str, Any], out: Path, as_json: bool, quiet: bool, outcome: Any = None) -> None:
    from zoo._utils import launch

    if not launch.is_rank_zero():
        return
    show.skipped(list(dict.fromkeys(file for run in runs.values() for file in run.images.skipped)))
    if as_json:
        show.print_json({name: _plain_run(run) for name, run in runs.items()} | _plain_outcome(outcome))
        return
    if quiet:
        show.print_lines(run.folder for run in runs.values())
        return
    for name, run in runs.items():
        click.echo(f"{name}: {run.shown:,} images shown, in {run.folder}")
        for shown, figures in run.metrics.items():
            click.echo(f"  {shown:>9,} images  " + "  ".join(f"{m.name} {show.figure(m)}" for m in figures))
        if run.report:
            show.moved_tensors(run.report)
    if outcome is not None and outcome.samples is not None:
        click.echo(f"samples: {outcome.samples}")
    if outcome is not None and outcome.verdict is not None:
        verdict = outcome.verdict
        click.echo(
            f"the discriminator calls {verdict.real_called_real:.0%} of real and "
            f"{verdict.fake_called_real:.0%} of generated images real"
        )
    last = list(runs.values())[-1]
    if last.gan is None:
        click.echo(f"Next: zoo reconstruct {last.folder} --data IMAGES -o pairs.png")
    else:
        click.echo(f"Next: zoo sample {last.folder} -o samples.png")


def _plain_run(run: Any) -> dict[str, Any]:
    from zoo.config import to_plain

    metrics = {
        str(shown): [to_plain(m) | {"rough": m.rough} for m in figures] for shown, figures in run.metrics.items()
    }
    return {"folder": str(run.folder), "images": run.shown, "metrics": metrics, "report": run.report}


def _plain_outcome(outcome: Any) -> dict[str, Any]:
    if outcome is None:
        return {}
    from dataclasses import asdict

    verdict = asdict(outcome.verdict) if outcome.verdict is not None else None
    return {"samples": str(outcome.samples) if outcome.samples else None, "verdict": verdict}


@contextmanager
def _hint_on_interrupt(folder: Path) -> Iterator[None]:
    """On Ctrl-C, abort with the command that goes on."""
    from zoo.training.run_dir import autoencoder_run_dir

    try:
        yield
    except KeyboardInterrupt as stop:
        runs = (folder, folder / "autoencoder", folder / "gan", autoencoder_run_dir(folder))
        checkpoints = [path for run in runs for path in (run / "checkpoints").glob("[0-9]*")]
        if not checkpoints:
            raise click.Abort("Nothing was trained so far. Begin again with the same command.") from stop
        newest = max(checkpoints, key=lambda path: path.stat().st_mtime).parent.parent
        first = newest in (folder / "autoencoder", autoencoder_run_dir(folder))  # the GAN's training has not begun
        command = "give the same command again" if first else f"zoo resume {newest}"
        raise click.Abort(f"The checkpoint is written. Continue: {command}") from stop
