"""A run is continued under the recipe that it began with, or becomes a new run that says where it comes from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import autoencoder, states_equal

import zoo
from zoo.errors import ConfigError
from zoo.training import api as runs, checkpoint
from zoo.types import Event, Metric

EVERYTHING = {"batch": 16, "checkpoint_every": 48, "sample_every": 32, "augment": "translation+cutout"}


class Judge:
    space, extractor = None, "toy@0"

    """Measures the mean of the samples, squared: cheap, and different whenever the weights are."""

    def measure(self, samples: torch.Tensor) -> list[Metric]:
        value = samples.double().mean().item()
        return [
            Metric("kid", value, len(samples), 9, "blobs", "held out", "toy@0"),
            Metric("up", -value, 9, 9, "", "", ""),
        ]


@pytest.fixture(autouse=True)
def _judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "reference", lambda images, metric, device: Judge())


def gan() -> Any:
    return zoo.gan(like=autoencoder("mlp", seed=3))


def train(data: Path, out: Path, images: int = 96, **others: Any) -> zoo.Run:
    training = EVERYTHING | others.pop("training", {})
    evaluation = {"samples": 8, "every": 16} | others.pop("evaluation", {})
    model = others.pop("model", None) or gan()
    return zoo.train(model, str(data), out=out, images=images, training=training, evaluation=evaluation, **others)


def stop(at: int, kind: str = "checkpoint") -> Any:
    def watch(event: Event) -> None:
        if event.kind == kind and event.shown >= at:
            raise RuntimeError("stopped by the test")

    return watch


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 96 images, measured every 16; tests copy it."""
    import numpy as np

    folder = tmp_path_factory.mktemp("parent")
    data = folder / "blobs.npz"
    np.savez(data, images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), dtype="uint8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "reference", lambda images, metric, device: Judge())
        train(data, folder / "run")
    return folder / "run"


@pytest.fixture
def run(parent: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(parent, tmp_path / "run"))


def facts(folder: Path) -> list[tuple[Any, ...]]:
    lines = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return [(line["shown"], line["metrics"]) for line in lines if line["kind"] == "metrics"]


@pytest.mark.parametrize("kind", ["checkpoint", "metrics", "sample"])
def test_metrics_samples_augmentation_and_schedules_go_on_exactly(kind: str, images_file: Path, tmp_path: Path) -> None:
    """With augmentation, a warm start of G, lazy R1 and figures along the way, stopped just after each sort of event."""

    def start() -> Any:
        warm = {"component": "decoder-init", "config": {"warmup_images": 40, "ramp_images": 40}}
        return zoo.transfer(autoencoder("mlp", seed=3), strategy=["encoder-init", warm], data=str(images_file))

    train(images_file, tmp_path / "whole", model=start())
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(images_file, tmp_path / "cut", model=start(), watch=[stop(64, kind)])
    zoo.resume(tmp_path / "cut")
    last = [
        checkpoint.load(checkpoint.latest_checkpoint(tmp_path / name / "checkpoints"))[1] for name in ("whole", "cut")
    ]
    assert last[0].keys() == last[1].keys()
    assert any(key.startswith("streams.augmentation") for key in last[0])
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])
    assert facts(tmp_path / "whole") == facts(tmp_path / "cut")
    for path in (tmp_path / "whole" / "samples").iterdir():
        assert path.read_bytes() == (tmp_path / "cut" / "samples" / path.name).read_bytes()


def test_a_changed_recipe_is_refused_with_old_and_new(run: Path) -> None:
    path = run / "recipe.toml"
    path.write_text(path.read_text().replace("images = 96", "images = 128").replace("seed = 0", "seed = 4"))
    for open_it in (zoo.resume, zoo.open_run):
        with pytest.raises(ConfigError) as caught:
            open_it(run)
        assert "gan.training.images 96 -> 128" in caught.value.message
        assert "seed 0 -> 4" in caught.value.message
        assert "--override gan.training.images=128" in caught.value.hint


def test_an_override_makes_a_new_run_that_equals_the_longer_one(run: Path, tmp_path: Path, parent: Path) -> None:
    """The same batches, codes and noise: as if the budget had been larger from the start."""
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    child = zoo.resume(run, override={"images": 160}, out=tmp_path / "child")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    whole = train(parent.parent / "blobs.npz", tmp_path / "whole", images=160)
    assert child.shown == 160
    assert child.gan is not None
    assert states_equal(child.gan, whole.gan)
    lineage = child.recipe.parent
    assert lineage is not None
    assert (lineage.run, lineage.shown) == (str(run.resolve()), 96)
    assert lineage.sha256 == checkpoint.read_state(checkpoint.latest_checkpoint(run / "checkpoints")).tensors
    assert lineage.overridden == {"images": 160}
    assert zoo.open_run(tmp_path / "child").recipe.parent == lineage


def test_another_seed_or_other_images_begin_their_order_anew(run: Path, tmp_path: Path, images_file: Path) -> None:
    more = {"images": 128}
    same, seed = (
        zoo.resume(run, override=more | extra, out=tmp_path / name)
        for name, extra in (("same", {}), ("seed", {"seed": 5}))
    )
    other = zoo.resume(run, override=more | {"data.source": str(images_file)}, out=tmp_path / "data")
    assert not states_equal(same.gan, seed.gan)
    assert other.recipe.data.source == str(images_file)
    assert len(other.images) == 96
    assert zoo.resume(tmp_path / "data").shown == 128


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"imges": 200}, "Did you mean images"),
        ({"gan.code_shape": 9, "images": 200}, "which cannot change"),
        ({"batch": 0, "images": 200}, "batch 0 must be positive"),
        ({"batch": 8}, "has shown 96 images already"),
        ({"objective": "relativistc", "images": 200}, "Did you mean"),
        ({"objective": "began", "images": 200}, "does not fit objective"),
    ],
)
def test_an_override_that_cannot_be_is_refused_and_leaves_no_run(
    settings: dict[str, Any], text: str, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        zoo.resume(run, override=settings, out=tmp_path / "child")
    assert text in str(caught.value)
    assert not (tmp_path / "child" / "recipe.toml").exists()


def test_an_override_needs_a_folder_and_never_takes_one_in_use(run: Path) -> None:
    with pytest.raises(ConfigError, match="needs both"):
        zoo.resume(run, override={"images": 200})
    with pytest.raises(ConfigError, match="already holds a run"):
        zoo.resume(run, override={"images": 200}, out=run)


def best(folder: Path, better: str = "lower") -> int:
    figures = {shown: rows[0]["value"] for shown, rows in facts(folder)}
    return min(figures, key=lambda shown: figures[shown] * (1 if better == "lower" else -1))


@pytest.mark.parametrize("better", ["lower", "higher"])
def test_the_best_checkpoint_is_kept_and_released(better: str, images_file: Path, tmp_path: Path) -> None:
    run = train(images_file, tmp_path / "run", evaluation={"better": better})
    expected = best(run.folder, better)
    kept = {int(path.name) for path in (run.folder / "checkpoints").iterdir()}
    assert kept == {80, 96, expected}
    again = run.best()
    assert again.shown == expected
    manifest = run.release(tmp_path / "release", license="CC0-1.0", name="mlp.best", best=True)
    assert manifest.metrics == run.metrics[expected]
    released = zoo.load(tmp_path / "release")
    assert states_equal(released.gan, again.gan)
    assert expected == 96 or not states_equal(released.gan, run.gan)


def test_the_best_checkpoint_survives_a_stop_and_is_the_same_after_it(images_file: Path, tmp_path: Path) -> None:
    train(images_file, tmp_path / "whole")
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(images_file, tmp_path / "cut", watch=[stop(64, "metrics")])
    zoo.resume(tmp_path / "cut")
    names = [sorted(p.name for p in (tmp_path / n / "checkpoints").iterdir()) for n in ("whole", "cut")]
    assert names[0] == names[1]
    assert zoo.open_run(tmp_path / "cut", best=True).shown == best(tmp_path / "whole")


def test_without_a_figure_there_is_no_best(images_file: Path, tmp_path: Path) -> None:
    run = zoo.train(gan(), str(images_file), out=tmp_path / "run", images=16, training=EVERYTHING)
    with pytest.raises(ConfigError, match="has no best checkpoint"):
        run.best()


def test_figures_are_released_only_with_the_weights_that_were_measured(images_file: Path, tmp_path: Path) -> None:
    run = train(images_file, tmp_path / "run", images=48, evaluation={"every": None, "at": [16]})
    assert run.release(tmp_path / "release", license="CC0-1.0", name="mlp.late").metrics == ()


def test_a_half_removed_checkpoint_is_never_opened(run: Path) -> None:
    """What a kill leaves: a folder that was being written or removed, under a hidden name."""
    latest = checkpoint.latest_checkpoint(run / "checkpoints")
    shutil.copytree(latest, run / "checkpoints" / ".000000000200.abc.partial")
    assert zoo.resume(run).shown == 96
    assert not list((run / "checkpoints").glob(".*"))


def test_two_processes_cannot_train_in_one_folder(run: Path) -> None:
    from zoo.training.run_dir import RunDirectory

    with RunDirectory(run).locked(), pytest.raises(ConfigError, match="another process is training"):
        zoo.resume(run)


def test_a_run_without_a_checkpoint_is_begun_again(images_file: Path, tmp_path: Path) -> None:
    """A kill before the first checkpoint leaves a recipe and nothing to lose."""
    run = train(images_file, tmp_path / "run", images=16)
    shutil.rmtree(run.folder / "checkpoints")
    with pytest.raises(zoo.ZooError, match="holds no checkpoint"):
        zoo.resume(run.folder)
    assert train(images_file, tmp_path / "run", images=32).shown == 32
