"""Checkpoints are sealed: one that is damaged is never used, and a resumed run goes on from the one before it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import autoencoder

import zoo
from zoo.cli import main
from zoo.errors import ConfigError, IntegrityError
from zoo.training import checkpoint
from zoo.training.run_dir import RunDirectory
from zoo.types import Event

SMALL = {"batch": 16, "checkpoint_every": 16, "sample_every": 64}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 48 images, with checkpoints at 32 and 48, and its images beside it."""
    import numpy as np

    place = tmp_path_factory.mktemp("finished")
    np.savez(place / "images.npz", images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), dtype="uint8"))
    torch.set_num_threads(1)  # as in the tests: this is made before the first one
    gan = zoo.gan(like=autoencoder("mlp", seed=3))
    zoo.train(gan, place / "images.npz", out=place / "run", images=48, training=SMALL)
    return place / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the run to damage."""
    return shutil.copytree(finished, tmp_path / "run")


def newest(run: Path) -> Path:
    return checkpoint.latest_checkpoint(run / "checkpoints")


def equal(one: Path, other: Path) -> bool:
    """Whether the whole last state of two runs is the same, bit for bit."""
    left, right = (checkpoint.load(newest(run)) for run in (one, other))
    same = left.tensors.keys() == right.tensors.keys()
    return same and left.state == right.state and all(torch.equal(left[1][key], right[1][key]) for key in left[1])


def test_no_flipped_bit_of_a_checkpoint_is_read_as_another_state(run: Path) -> None:
    path, rng = newest(run), random.Random(0)
    state = checkpoint.read_state(path)
    for name in ("state.json", "tensors.safetensors"):
        whole = (path / name).read_bytes()
        for _ in range(150):
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            (path / name).write_bytes(data)
            try:
                read = checkpoint.load(path).state
            except IntegrityError:
                continue
            assert (name, read) == ("state.json", state), "every bit of the tensors counts"
        (path / name).write_bytes(whole)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        plain = json.loads((path / "state.json").read_bytes())
        change(plain)
        (path / "state.json").write_text(json.dumps(plain))

    return damage


DAMAGES = {
    "more images shown": edited(lambda plain: plain["state"].update(shown=112)),
    "no images shown": edited(lambda plain: plain["state"].update(shown=0)),
    "fewer than none": edited(lambda plain: plain["state"].update(shown=-5)),
    "another position": edited(lambda plain: plain["state"]["progress"]["batches"].update(position=3)),
    "no progress": edited(lambda plain: plain["state"].pop("progress")),
    "no recipe": edited(lambda plain: plain["state"].pop("recipe")),
    "no state": edited(lambda plain: plain.pop("state")),
    "a later format": edited(lambda plain: plain.update(format=3)),
    "nothing": lambda path: (path / "state.json").write_bytes(b""),
    "a list": lambda path: (path / "state.json").write_text("[]"),
    "deep brackets": lambda path: (path / "state.json").write_text("[" * 100_000),
    "no state file": lambda path: (path / "state.json").unlink(),
    "no tensors": lambda path: (path / "tensors.safetensors").unlink(),
    "half the tensors": lambda path: (path / "tensors.safetensors").write_bytes(b"half"),
    "another folder": lambda path: path.rename(path.with_name("000000000064")),
}


@pytest.mark.parametrize("name", ["more images shown", "another position", "no tensors", "another folder"])
def test_a_resumed_run_falls_back_says_so_and_loses_nothing_more(
    name: str, run: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGES[name](newest(run))
    with pytest.raises(SystemExit) as done:
        main(["resume", str(run)])
    assert done.value.code == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "checkpoint" in line]
    assert len(said) == 1
    assert "Going on from the checkpoint before, of 32 images" in said[0]
    assert equal(run, finished)
    assert [event["warning"] for event in RunDirectory(run).events("warning")] == ["checkpoint"]
    assert [path.suffix for path in (run / "checkpoints").glob("*.damaged")] == [".damaged"]  # kept, to be looked at


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_damaged_is_never_opened_and_the_error_says_how_to_go_on(name: str, run: Path) -> None:
    DAMAGES[name](newest(run))
    with pytest.raises(IntegrityError) as caught:
        zoo.open_run(run)
    assert "checkpoint" in caught.value.message
    assert caught.value.hint == f"Continue from the one before, of 32 images: zoo resume {run}"
    saved, damaged = checkpoint.latest_whole(run / "checkpoints")
    assert (saved.shown, len(damaged)) == (32, 1)


def test_a_new_run_begins_from_the_newest_whole_checkpoint(run: Path, tmp_path: Path) -> None:
    DAMAGES["no tensors"](newest(run))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    child = zoo.resume(run, override={"images": 64}, out=tmp_path / "child")
    assert child.recipe.parent is not None
    assert child.recipe.parent.shown == 32
    assert RunDirectory(child.folder).events("warning")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_without_a_whole_checkpoint_is_refused(run: Path) -> None:
    for path in checkpoint.all_checkpoints(run / "checkpoints"):
        DAMAGES["no tensors"](path)
    with pytest.raises(IntegrityError, match=r"checkpoint .*48 cannot be read"):
        zoo.resume(run)


def test_the_best_is_not_chosen_among_damaged_checkpoints(run: Path) -> None:
    (run / "recipe.toml").write_text((run / "recipe.toml").read_text() + "\n[evaluation]\n")
    DAMAGES["no recipe"](newest(run))
    with pytest.raises(IntegrityError, match="is not what was written"):
        zoo.open_run(run, best=True)


def as_format_1(path: Path) -> None:
    """As earlier versions wrote it."""
    state = json.loads((path / "state.json").read_bytes())["state"]
    state["progress"]["watch"]["told"] = state["progress"]["watch"].pop("warned")
    facts = {**state["progress"], "recipe": state["recipe"]}
    plain = {"format": 1, "shown": state["shown"], "sha256": state["tensors"], "facts": facts}
    (path / "state.json").write_text(json.dumps(plain))
    (path / "metrics.json").write_text(json.dumps([{"name": "kid", "value": 0.25}, {"name": "fid", "value": 1e999}]))


def test_checkpoints_of_earlier_versions_are_read(run: Path, finished: Path) -> None:
    shutil.rmtree(newest(run))
    as_format_1(newest(run))
    assert checkpoint.best(run / "checkpoints", checkpoint.Best("kid", "lower")) == newest(run)
    zoo.resume(run)
    assert equal(run, finished)


def test_a_checkpoint_that_does_not_fit_its_run_is_no_bug_of_ours(run: Path) -> None:
    """Whole and sealed, but made by hand: with other tensors."""
    path = newest(run)
    saved = checkpoint.load(path)
    tensors = {key: value for key, value in saved.tensors.items() if not key.startswith("streams.")}
    shutil.rmtree(run / "checkpoints")
    checkpoint.save(run / "checkpoints", 48, tensors, saved.state.progress, saved.state.recipe)
    with pytest.raises(IntegrityError, match="does not fit its recipe"):
        zoo.resume(run)


def test_a_changed_recipe_is_still_told_from_a_damaged_checkpoint(run: Path) -> None:
    path = run / "recipe.toml"
    path.write_text(path.read_text().replace("images = 48", "images = 64"))
    with pytest.raises(ConfigError, match=r"gan\.training\.images 48 -> 64"):
        zoo.resume(run)


def test_a_run_killed_at_its_beginning_and_resumed_has_each_event_once(finished: Path, tmp_path: Path) -> None:
    def kinds(folder: Path) -> list[str]:
        return [line["kind"] for line in RunDirectory(folder).lines() if line["kind"] != "start"]

    def die(event: Event) -> None:
        if event.kind == "sample":
            raise SystemExit("killed")

    gan = zoo.gan(like=autoencoder("mlp", seed=3))
    with pytest.raises(SystemExit):
        zoo.train(gan, finished.parent / "images.npz", out=tmp_path / "cut", images=48, training=SMALL, watch=[die])
    zoo.resume(tmp_path / "cut")
    assert kinds(tmp_path / "cut") == kinds(finished)
    assert equal(tmp_path / "cut", finished)
