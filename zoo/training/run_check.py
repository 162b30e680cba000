"""Verify a run's folder, as `git fsck` does a repository: every file that a run needs is there, as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo.errors import ConfigError, IntegrityError, ZooError
from zoo.training import checkpoint
from zoo.training.image_sample import FACTS, PIXELS, read_sample
from zoo.training.rebuild import check_unchanged
from zoo.training.recipe import Recipe
from zoo.training.recipe_parts import migrated
from zoo.training.run_dir import EVENTS, RECIPE, REPORT, RunDirectory
from zoo.training.sources import FIRST_STAGE, first_stage_of, further_of, source_file, source_of

__all__ = ["CheckedRun", "RunProblem", "check_run"]


@dataclass(frozen=True, slots=True)
class RunProblem:
    """What is wrong with a file of a run, which is named relative to its folder, and the next step."""

    file: str
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """How many checkpoints and events a run has, whole or not, and what is wrong."""

    checkpoints: int
    events: int
    problems: tuple[RunProblem, ...]


def check_run(folder: Path) -> CheckedRun:
    """Read everything in a run's folder: the recipe, the events, every byte of the checkpoints, the sources of a
    transfer, and what a release needs. Raises ConfigError if the folder holds no run."""
    run_dir = RunDirectory(folder)
    if not (folder / RECIPE).is_file():
        raise ConfigError(f"{folder} holds no run", "Give the folder that --out named.")
    paths = checkpoint.all_checkpoints(run_dir.checkpoints)
    problems: list[RunProblem] = []

    def attempt(file: str, check: Callable[[], object]) -> None:
        try:
            check()
        except ZooError as error:
            problems.append(RunProblem(file, error.message, error.hint))
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            problems.append(RunProblem(file, f"{folder / file} cannot be used: {str(error).splitlines()[0]}"))

    attempt(RECIPE, run_dir.recipe)
    if problems:
        return CheckedRun(len(paths), 0, tuple(problems))
    recipe = run_dir.recipe()
    events: list[dict[str, object]] = []
    attempt(EVENTS, lambda: events.extend(run_dir.lines()))
    for file, check in _checks(run_dir, recipe):
        attempt(file, check)
    return CheckedRun(len(paths), len(events), tuple(problems))


def _checks(run_dir: RunDirectory, recipe: Recipe) -> Iterator[tuple[str, Callable[[], object]]]:
    """The file and the check of each thing that can be wrong."""
    folder = run_dir.folder
    yield EVENTS, partial(_require_events, run_dir)
    yield "checkpoints", partial(_require_newest, run_dir)
    paths = checkpoint.all_checkpoints(run_dir.checkpoints)
    if not paths:
        return  # it was just begun, and what it needs is still to be written
    for path in paths:
        yield (
            f"checkpoints/{path.name}",
            partial(_require_whole, run_dir, recipe, path),
        )
    if recipe.first_stage is not None:
        yield FIRST_STAGE, partial(first_stage_of, recipe, folder)
    transfer = recipe.transfer
    if transfer is not None:
        yield source_file(), partial(source_of, migrated(recipe), folder)
        yield source_file("*"), partial(further_of, migrated(recipe).transfer or transfer, folder)
        yield REPORT, partial(_require_report, folder)
    if (folder / PIXELS).exists() or (folder / FACTS).exists():  # runs of earlier versions have neither
        yield PIXELS, partial(_require_sample, folder, recipe)
    if recipe.data.spec.kind == "image":
        for event in run_dir.events("sample"):
            yield "samples", partial(_require_file, run_dir.sample_path(event["shown"]))


def _require_events(run_dir: RunDirectory) -> None:
    if checkpoint.all_checkpoints(run_dir.checkpoints):
        _require_file(run_dir.folder / EVENTS)
    if bad := run_dir.bad_lines():
        raise IntegrityError(bad, f"A resumed run leaves it out: zoo resume {run_dir.folder}")


def _require_newest(run_dir: RunDirectory) -> None:
    """The newest checkpoint of the record is there: a run never removes it."""
    paths = checkpoint.all_checkpoints(run_dir.checkpoints)
    written = max((event["shown"] for event in run_dir.events("checkpoint")), default=-1)
    if written > (int(paths[-1].name) if paths else -1):
        hint = f"Put it back, or continue from the one before: zoo resume {run_dir.folder}" if paths else "Put it back."
        raise IntegrityError(f"the checkpoint of {written:,} images in {run_dir.checkpoints} is missing", hint)


def _require_whole(run_dir: RunDirectory, recipe: Recipe, path: Path) -> None:
    check_unchanged(run_dir, recipe, checkpoint.load(path).state)


def _require_report(folder: Path) -> None:
    _require_file(folder / REPORT)
    RunDirectory(folder).report()


def _require_sample(folder: Path, recipe: Recipe) -> None:
    if read_sample(folder, recipe) is None:
        raise IntegrityError(f"{folder / PIXELS} and {FACTS} are not those of the run's images", "Put them back.")


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise IntegrityError(f"{path} is missing", "Put it back.")
