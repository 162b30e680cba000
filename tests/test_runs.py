"""Runs: exact resume, a record that survives whatever happens, and clear ends."""

from __future__ import annotations

import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHAPE, autoencoder, states_equal

import zoo
from zoo.errors import ConfigError, Diverged, StorageError
from zoo.training import checkpoint, loop
from zoo.training.ema import MovingAverage
from zoo.types import Event

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 64}


def start(kind: str, data: str) -> Any:
    """A model of each kind that can be trained."""
    source = autoencoder(seed=3)
    if kind == "autoencoder":
        return source
    if kind == "scratch":
        return zoo.gan(like=source)
    return zoo.transfer(source, strategy=kind, data=data)


KINDS = ["autoencoder", "scratch", "decoder-init+encoder-init", "decoder-init+gaussian-prior", "decoder-init+gmm-prior"]


class Stop:
    """Raises once so many images were shown, as an error in the middle of a run would."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self, event: Event) -> None:
        if event.kind == "checkpoint" and event.shown >= self.at:
            raise RuntimeError("stopped by the test")


@pytest.mark.parametrize("kind", KINDS)
def test_a_stopped_and_resumed_run_equals_an_undisturbed_one_bit_for_bit(
    kind: str, images_file: Path, tmp_path: Path
) -> None:
    data = str(images_file)
    whole = zoo.train(start(kind, data), data, out=tmp_path / "whole", images=192, training=SMALL)
    with pytest.raises(RuntimeError, match="stopped by the test"):
        zoo.train(start(kind, data), data, out=tmp_path / "cut", images=192, training=SMALL, watch=[Stop(64)])
    resumed = zoo.resume(tmp_path / "cut")
    assert (resumed.shown, whole.shown) == (192, 192)
    for one, other in ((whole.gan, resumed.gan), (whole.autoencoder, resumed.autoencoder)):
        assert (one is None) == (other is None)
        assert one is None or states_equal(one, other)
    last = [
        checkpoint.load(checkpoint.latest_checkpoint(tmp_path / run / "checkpoints"))[1] for run in ("whole", "cut")
    ]
    assert last[0].keys() == last[1].keys()
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])


def test_two_strategies_with_one_seed_see_the_same_batches_and_codes(images_file: Path, tmp_path: Path) -> None:
    data = str(images_file)
    streams = []
    for kind in ("scratch", "decoder-init+encoder-init"):
        zoo.train(start(kind, data), data, out=tmp_path / kind, images=80, training=SMALL)
        tensors = checkpoint.load(checkpoint.latest_checkpoint(tmp_path / kind / "checkpoints"))[1]
        streams.append({key: value for key, value in tensors.items() if key.startswith(("streams.", "batches."))})
    assert streams[0].keys() == streams[1].keys()
    assert all(torch.equal(streams[0][key], streams[1][key]) for key in streams[0])


def test_the_folder_is_the_record(images_file: Path, tmp_path: Path) -> None:
    run = zoo.train(
        start("decoder-init", str(images_file)), str(images_file), out=tmp_path / "run", images=96, training=SMALL
    )
    assert {path.name for path in run.folder.iterdir()} == {
        ".lock", "checkpoints", "data.json", "events.jsonl", "held_out.safetensors", "recipe.toml", "report.json",
        "samples", "source.safetensors",
    }  # fmt: skip
    kinds = [json.loads(line)["kind"] for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert kinds[0] == "start"
    assert kinds[-1] == "end"
    assert len(list((run.folder / "checkpoints").iterdir())) == checkpoint.KEPT
    assert run.recipe.data.sha256 == run.images.sha256
    again = zoo.open_run(run.folder)
    assert again.gan is not None
    assert states_equal(again.gan, run.gan)
    assert states_equal(again.autoencoder, run.autoencoder)
    assert again.report


def test_the_recipe_has_every_setting_written_out(images_file: Path, tmp_path: Path) -> None:
    zoo.train(start("scratch", ""), str(images_file), out=tmp_path / "run", images=16, training=SMALL)
    recipe = zoo.read_recipe(tmp_path / "run" / "recipe.toml")
    assert recipe.gan is not None
    assert recipe.gan.generator is not None
    assert dict(recipe.gan.generator.config)["norm"] == "group"  # type: ignore[union-attr]
    assert recipe.gan.training.regulariser.config == {"gamma": 1.0, "interval": 4}  # type: ignore[union-attr]


def test_a_folder_with_a_run_is_not_overwritten(images_file: Path, tmp_path: Path) -> None:
    zoo.train(start("scratch", ""), str(images_file), out=tmp_path / "run", images=16, training=SMALL)
    with pytest.raises(ConfigError, match="already holds a run"):
        zoo.train(start("scratch", ""), str(images_file), out=tmp_path / "run", images=16, training=SMALL)


def test_resuming_on_other_images_is_refused(images_file: Path, tmp_path: Path) -> None:
    zoo.train(start("scratch", ""), str(images_file), out=tmp_path / "run", images=16, training=SMALL)
    with np.load(images_file) as held:
        np.savez(images_file, images=255 - held["images"])
    with pytest.raises(ConfigError, match="not those that this run began with"):
        zoo.resume(tmp_path / "run")


def test_a_run_that_diverges_stops_and_keeps_the_last_good_checkpoint(images_file: Path, tmp_path: Path) -> None:
    wild = {**SMALL, "learning_rate": 1e30}
    with pytest.raises(Diverged, match="diverged after") as caught:
        zoo.train(autoencoder(), str(images_file), out=tmp_path / "run", images=640, training=wild)
    assert "Lower the learning rate" in caught.value.hint
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        tensors = checkpoint.load(path)[1]
        assert all(torch.isfinite(value).all() for value in tensors.values() if value.is_floating_point())


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_half_written(
    images_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    real_fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written > 12:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left") as caught:
        zoo.train(start("scratch", ""), str(images_file), out=tmp_path / "run", images=640, training=SMALL)
    assert f"continue: zoo resume {tmp_path / 'run'}" in caught.value.hint
    monkeypatch.setattr(os, "fsync", real_fsync)
    assert not list((tmp_path / "run").rglob("*.partial"))
    assert zoo.resume(tmp_path / "run").shown == 640


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(number: int, images_file: Path, tmp_path: Path) -> None:
    def send(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown == 0:
            os.kill(os.getpid(), number)

    with pytest.raises(loop.Interrupted):
        # the first checkpoint comes before the handler is set: send at the first tick instead
        zoo.train(
            start("scratch", ""),
            str(images_file),
            out=tmp_path / "run",
            images=100_000,
            training=SMALL,
            watch=[lambda event: os.kill(os.getpid(), number) if event.kind == "tick" else None],
        )
    shown = checkpoint.load(checkpoint.latest_checkpoint(tmp_path / "run" / "checkpoints"))[0]
    assert 0 < shown < 100_000


def test_the_moving_average_halves_over_its_half_life_and_copies_buffers() -> None:
    live = torch.nn.BatchNorm1d(2)
    average = MovingAverage(live, half_life=100, ramp=1.0)
    with torch.no_grad():
        live.weight.fill_(3.0)
        live.running_mean.fill_(5.0)  # type: ignore[union-attr]
    average.update(batch=100, shown=1000)
    assert torch.allclose(average.net.weight, torch.full((2,), 2.0))  # half the way from 1 to 3
    assert torch.equal(average.net.running_mean, live.running_mean)  # type: ignore[arg-type]
    early = MovingAverage(live, half_life=10_000, ramp=0.05)
    with torch.no_grad():
        live.weight.fill_(5.0)
    early.update(batch=10, shown=200)  # the ramp's half-life is 10 images
    assert torch.allclose(early.net.weight, torch.full((2,), 4.0))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rat": 1}, "Did you mean"),
        ({"batch": 0}, "batch 0 must be positive"),
        ({"batch": "many"}, "batch"),
        ({"objective": "relativistic"}, "does not train autoencoders"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], text: str, images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=text):
        zoo.train(autoencoder(), str(images_file), out=tmp_path / "run", training=settings)


def test_a_gan_refuses_an_autoencoders_objective(images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not train GANs"):
        zoo.train(
            start("scratch", ""), str(images_file), out=tmp_path / "run", training={"objective": "vae", "images": 16}
        )


def test_vectors_can_be_learnt_too(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    np.savez(path, images=np.random.default_rng(0).random((64, 9)))
    gan = zoo.gan("mlp", shape=(9,), code_shape=4)
    run = zoo.train(gan, str(path), out=tmp_path / "run", images=64, training=SMALL)
    assert run.gan is not None
    assert run.gan.sample(3).shape == (3, 9)


def test_samples_stay_in_the_value_range() -> None:
    assert zoo.gan("dcgan", shape=SHAPE, code_shape=6).sample(8).abs().max() <= 1


def test_a_line_that_the_disk_has_no_room_for_leaves_no_half_line(tmp_path: Path) -> None:
    """A real limit on the size of files: the kernel takes some bytes of the line and refuses the rest."""
    resource = pytest.importorskip("resource")
    from zoo.training.run_dir import RunDirectory

    record = RunDirectory(tmp_path)
    record.write(Event("start", 0, 64))
    size = (tmp_path / "events.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"cannot write .*events\.jsonl"):
            record.write(Event("tick", 16, 64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "events.jsonl").stat().st_size == size
    record.write(Event("tick", 16, 64))
    assert [line["kind"] for line in record.lines()] == ["start", "tick"]


def test_a_folder_that_cannot_be_made_is_refused_before_training(images_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        zoo.train(autoencoder("mlp"), str(images_file), out=tmp_path / "file" / "run", images=16, training=SMALL)
