"""Trackers hear of a run only when it asks for them, and never stop it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import autoencoder

import zoo
from zoo import plugins
from zoo.errors import UnknownName
from zoo.training.run_dir import RunDirectory
from zoo.types import Event, RunFacts

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 32}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds a tracker, as a plugin would."""

    def add(**hooks: Callable[..., None]) -> None:
        held = plugins.host()
        changed = dataclasses.replace(held, events={**held.events, **hooks})
        monkeypatch.setattr(plugins, "host", lambda: changed)

    return add


def train(images_file: Path, out: Path, **others: Any) -> zoo.Run:
    return zoo.train(zoo.gan(like=autoencoder("mlp")), str(images_file), out=out, images=64, training=SMALL, **others)


def test_a_tracker_gets_every_event_of_a_run_that_asks_for_it_and_of_no_other(
    registered: Callable[..., None], images_file: Path, tmp_path: Path
) -> None:
    heard: list[tuple[RunFacts, Event]] = []
    registered(ours=lambda run, event: heard.append((run, event)))
    train(images_file, tmp_path / "quiet")
    assert not heard
    run = train(images_file, tmp_path / "run", track=["ours"])
    assert [event.kind for _, event in heard] == [line["kind"] for line in RunDirectory(run.folder).lines()]
    assert {facts.folder for facts, _ in heard} == {run.folder}
    assert heard[0][0].recipe["gan"]["training"]["batch"] == 16
    heard.clear()
    zoo.resume(run.folder, track=["ours"])
    assert [event.kind for _, event in heard] == ["start", "end"]


def test_a_tracker_that_raises_is_told_once_and_the_run_goes_on(
    registered: Callable[..., None], images_file: Path, tmp_path: Path
) -> None:
    calls = []

    def broken(run: RunFacts, event: Event) -> None:
        calls.append(event.kind)
        sys.exit(3)

    registered(broken=broken)
    run = train(images_file, tmp_path / "run", track=["broken"])
    assert run.shown == 64
    assert len(calls) == 1
    warnings = [line for line in RunDirectory(run.folder).lines() if line["kind"] == "warning"]
    assert [(line["warning"], line["what"]) for line in warnings] == [
        ("tracker", "tracker broken failed: SystemExit: 3")
    ]


def test_an_unknown_tracker_is_refused_before_anything_is_written(images_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no tracker 'tensorbord'") as caught:
        train(images_file, tmp_path / "run", track=["tensorbord"])
    assert "tensorboard" in caught.value.hint
    assert not (tmp_path / "run" / "recipe.toml").exists()


def test_a_plugin_that_only_tracks_is_ready_and_says_how_to_try_it() -> None:
    from zoo.testing.conformance.plugin import check_plugin

    verdict = check_plugin("tensorboard")
    assert verdict.passed
    assert "--track tensorboard" in verdict.notes[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_losses_figures_and_grids(images_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(images_file, tmp_path / "run", track=["tensorboard"])
    held = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert {"loss/d_loss", "loss/g_loss"} <= set(held.Tags()["scalars"])
    assert [row.step for row in held.Images("samples")] == [0, 32, 64]


def test_trackio_gets_losses_by_images_shown(
    images_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trackio")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    run = train(images_file, tmp_path / "run", track=["trackio"])
    assert not [line for line in RunDirectory(run.folder).lines() if line["kind"] == "warning"]
    import trackio

    held = trackio.Api().runs("zoo")
    assert [one.name for one in held] == ["run"]
