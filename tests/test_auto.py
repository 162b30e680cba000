"""`--strategy auto` and the stability watch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder

import zoo
from zoo.config import from_plain, to_plain
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.training.api import resume
from zoo.training.monitor import MonitorState, TrainingMonitor
from zoo.training.run_dir import RunDirectory
from zoo.transfers.auto import Evidence, advise, measure_evidence, probe_accuracy
from zoo.types import PartSpec


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def names(source: Any, gan: Any, evidence: Evidence | None) -> list[str]:
    return [part.component for part in advise(source, gan, evidence).strategy]


def evidence(**changes: float) -> Evidence:
    return Evidence(**{"images": 5000, "error": 0.2, "prior_gap": 0.1, "probe": 0.9, **changes})  # type: ignore[arg-type]


def test_weights_are_copied_where_they_fit_and_the_prior_follows_the_codes() -> None:
    """A VAE keeps N(0, I); codes that are elsewhere get a mixture, or a Gaussian where images are few."""
    source = autoencoder("dcgan")
    gan = zoo.gan(like=source)
    both = ["decoder-init", "encoder-init"]
    assert names(source, gan, evidence()) == [*both, "recon-anchor"]
    assert names(source, gan, evidence(prior_gap=3.0)) == [*both, "gmm-prior", "recon-anchor"]
    few = evidence(prior_gap=3.0, images=99)
    assert names(source, gan, few) == [*both, "gaussian-prior", "recon-anchor", "freeze-lower"]
    unknown = evidence(prior_gap=3.0, error=1.5)
    assert names(source, gan, unknown) == both, "codes of unknown images say nothing"
    assert names(source, gan, evidence(images=200)) == [*both, "recon-anchor", "freeze-lower"]


def test_the_mixture_grows_with_the_images_and_what_is_not_known_well_is_no_anchor() -> None:
    """One component for 20 codes, 200 at most; an autoencoder that does not know the images should learn them first."""
    source = autoencoder("dcgan")
    gan = zoo.gan(like=source)
    for images, components in ((100, 5), (3200, 160), (50_000, 200)):
        mixture = advise(source, gan, evidence(prior_gap=3.0, images=images)).strategy[2]
        assert mixture.config == {"components": components}
    stranger = advise(source, gan, evidence(error=0.3))
    assert [part.component for part in stranger.strategy] == ["decoder-init", "encoder-init"]
    assert any("--adapt" in reason for reason in stranger.reasons)


def test_the_thresholds_lie_where_the_pages_measured_them() -> None:
    """At a gap of 0.11 a fitted prior ended worse, at 0.58 better; an error of 0.12 made a good anchor, one of 0.31 a
    poor one; frozen stages want few images and features that tell."""
    source = autoencoder("dcgan")
    gan = zoo.gan(like=source)

    def chosen(**changes: float) -> set[str]:
        return set(names(source, gan, evidence(**changes)))

    assert ("gmm-prior" in chosen(prior_gap=0.11), "gmm-prior" in chosen(prior_gap=0.58)) == (False, True)
    assert ("gmm-prior" in chosen(prior_gap=0.15), "gmm-prior" in chosen(prior_gap=0.16)) == (False, True)
    assert ("recon-anchor" in chosen(error=0.12), "recon-anchor" in chosen(error=0.31)) == (True, False)
    assert ("recon-anchor" in chosen(error=0.25), "recon-anchor" in chosen(error=0.26)) == (True, False)
    assert ("gmm-prior" in chosen(error=0.99, prior_gap=3), "gmm-prior" in chosen(error=1.01, prior_gap=3)) == (
        True,
        False,
    )
    assert ("freeze-lower" in chosen(images=999), "freeze-lower" in chosen(images=1000)) == (True, False)
    assert ("freeze-lower" in chosen(images=99, probe=0.7), "freeze-lower" in chosen(images=99, probe=0.71)) == (
        False,
        True,
    )
    assert ("gmm-prior" in chosen(images=100, prior_gap=3), "gmm-prior" in chosen(images=99, prior_gap=3)) == (
        True,
        False,
    )


def test_the_evidence_is_what_its_words_say(images: ImageSet) -> None:
    """The error over the images' variance, and a probe that tells images from what the decoder makes of like codes: of
    random ones nearly always, of the images' own features never."""
    source = autoencoder("mlp", bottleneck="linear")
    found = measure_evidence(source, zoo.gan(like=source), images)
    x = images.batch(images.held_out)
    assert 1 < len(x) <= 512
    error = (x - source.reconstruct(x)).square().mean() / x.var(0, unbiased=False).mean()
    assert found.error == pytest.approx(error.item(), rel=1e-4)
    x = images.batch(images.train)
    codes = source.encode(x)
    gap = (codes.square().mean(0) - 1).abs().mean() + codes.mean(0).square().mean()
    assert found.prior_gap == pytest.approx(gap.item(), rel=1e-4)
    assert found.probe > 0.9
    rng = torch.Generator().manual_seed(0)
    alike = torch.randn(400, 5, generator=rng)
    assert probe_accuracy(alike, torch.randn(400, 5, generator=rng)) == pytest.approx(0.5, abs=0.08)
    assert probe_accuracy(alike, torch.randn(400, 5, generator=rng) + 3) > 0.95


def test_where_the_first_layer_would_stay_fresh_the_decoders_images_are_learnt_instead() -> None:
    """Another image size leaves the entry fresh. Without images to fit anything to, or from an autoencoder that does not
    know them, the other layers are copied and N(0, I) is kept: a fresh entry takes it as well as anything."""
    net = PartSpec("dcgan", {"width": 4})
    source = zoo.autoencoder(net, net, shape=(1, 16, 16), code_shape=6, device="meta")
    larger = zoo.gan(like=source, shape=(1, 32, 32), device="meta")
    learnt = names(source, larger, evidence(prior_gap=3.0))
    assert sorted(learnt) == ["decoder-distill", "encoder-init", "gmm-prior"]
    assert names(source, larger, None) == ["decoder-init", "encoder-init"]
    assert names(source, larger, evidence(prior_gap=3.0, error=1.5)) == ["decoder-init", "encoder-init"]


def test_a_generator_that_takes_no_weights_learns_the_decoders_images_and_a_discriminator_starts_fresh() -> None:
    """Before the game where images are at hand, along the way where none are; it knows codes then, not N(0, I)."""
    source = autoencoder("mlp")
    other = zoo.gan("dcgan", "dcgan", like=source)
    assert names(source, other, evidence()) == ["decoder-distill", "recon-anchor"]
    assert names(source, other, evidence(prior_gap=3.0, error=0.5)) == ["decoder-distill", "gmm-prior"]
    assert names(source, other, evidence(error=1.5)) == ["scratch"]
    (taught,) = advise(source, other, None).strategy
    assert taught == PartSpec("feature-distill", {"discriminator": 0.0})
    beside = advise(source, zoo.gan(discriminator="dcgan", like=source), evidence())
    assert [part.component for part in beside.strategy] == ["decoder-init", "recon-anchor"]
    assert beside.strategy[0].config == {}
    assert any(reason.startswith("auto: no encoder-init") for reason in beside.reasons)


def test_the_evidence_tells_a_trained_vae_from_a_scaled_autoencoder(images: ImageSet) -> None:
    """Scaling the codes moves the second moments; the error of an untrained one is above the variance's."""
    source = autoencoder("mlp", bottleneck="linear")
    gan = zoo.gan(like=source)
    before = measure_evidence(source, gan, images)
    with torch.no_grad():
        source.bottleneck.mean.weight.mul_(10)
    assert measure_evidence(source, gan, images).prior_gap > before.prior_gap
    assert before.images == len(images.train)
    assert before.error > 0.5
    assert 0.0 <= before.probe <= 1.0


def test_auto_is_the_default_says_why_and_is_recorded_as_what_it_chose(images: ImageSet, tmp_path: Path) -> None:
    """The run's recipe holds the strategies themselves, so that resuming needs no second look."""
    transferred = zoo.transfer(autoencoder("dcgan"), data=images)
    assert any(note.startswith("auto: decoder-init") for note in transferred.report.notes)
    settings = {"batch": 8, "checkpoint_every": 99, "sample_every": 99}
    run = zoo.train(transferred, images, out=tmp_path / "run", images=16, training=settings)
    assert run.recipe.transfer.strategy[0].component == "transfer/decoder-init"
    told = [event["text"] for event in RunDirectory(run.folder).events("note")]
    assert told == list(transferred.report.notes)


# ---------------------------------------------------------------- stability


def kinds(warnings: list[dict[str, str]]) -> list[str]:
    return [warning["warning"] for warning in warnings]


def test_a_saturated_discriminator_is_told_once_and_again_after_it_recovered() -> None:
    """Two thousand images at 99 % without a break; one better tick starts the count anew."""
    watch = TrainingMonitor(10_000)
    told = [kinds(watch.tick({"d_wins": 0.99}, shown)) for shown in (0, 1000, 2000, 3000)]
    assert told == [[], [], ["saturated"], []]
    assert watch.tick({"d_wins": 0.7}, 3500) == []
    assert [kinds(watch.tick({"d_wins": 1.0}, shown)) for shown in (4000, 5999, 6000)] == [[], [], ["saturated"]]


def test_a_gradient_far_above_its_usual_norm_is_told_with_its_side() -> None:
    watch = TrainingMonitor(10_000)
    for shown in range(5):
        assert watch.tick({"g_gradient": 1.0, "d_gradient": 2.0}, shown) == []
    (warning,) = watch.tick({"g_gradient": 500.0, "d_gradient": 2.0}, 6)
    assert warning["warning"] == "exploding"
    assert warning["what"].startswith("G's gradient")
    assert "gradient_limit=3" in warning["advice"]
    held = TrainingMonitor(10_000)
    (told,) = [told for norm in (1.0, 500.0) for told in held.tick({"g_gradient": norm, "g_held": 0.1}, 0)]
    assert "gradient_limit clips it" in told["advice"]
    again = TrainingMonitor(10_000)
    again.load_state(from_plain(MonitorState, json.loads(json.dumps(to_plain(watch.state()))), "state"))
    (collapse,) = [told for at, recall in enumerate([0.6, 0.2, 0.1]) for told in again.metrics({"recall": recall}, at)]
    assert "exploded before" in collapse["what"]
    assert "gradient_limit=3" in collapse["advice"]


def test_samples_without_variety_and_a_rising_kid_are_told() -> None:
    watch = TrainingMonitor(10_000, real_std=0.5)
    assert watch.sample_std(0.3) == []
    assert kinds(watch.sample_std(0.05)) == ["collapsed"]
    told = [kinds(watch.metrics({"kid": kid}, at)) for at, kid in enumerate([0.5, 0.2, 0.4, 0.5])]
    assert told == [[], [], [], ["falling"]]


def test_a_falling_recall_is_a_collapse_and_takes_the_spreads_place() -> None:
    """Half of the best, twice in a row; with a saturated D the advice is another; a recall of nothing cannot fall."""
    watch = TrainingMonitor(10_000, real_std=0.5)
    told = [watch.metrics({"recall": value}, at) for at, value in enumerate([0.2, 0.6, 0.2, 0.5, 0.2, 0.1])]
    assert [kinds(warnings) for warnings in told] == [[], [], [], [], [], ["collapsed"]]
    assert "recall is 0.1, it was 0.6 after 1 images" in told[-1][0]["what"]
    assert "recon-anchor" in told[-1][0]["advice"]
    assert watch.sample_std(0.001) == []
    watch = TrainingMonitor(10_000)
    for shown in (0, 5000):
        watch.tick({"d_wins": 1.0}, shown)
    (warning,) = [w for value in (0.6, 0.2, 0.1) for w in watch.metrics({"recall": value}, 0)]
    assert "D saturates" in warning["what"]
    assert "gamma" in warning["advice"]
    low = TrainingMonitor(10_000)
    assert [low.metrics({"recall": value}, 0) for value in (0.04, 0.0, 0.0)] == [[], [], []]


def test_the_watch_goes_on_where_its_state_was_saved() -> None:
    """Through JSON: what it had told it does not tell again, what it had counted it goes on counting."""
    watch = TrainingMonitor(10_000, real_std=0.5)
    watch.tick({"d_wins": 0.99, "d_gradient": 1.0}, 0)
    watch.sample_std(0.01)
    for value in (0.2, 0.5):
        watch.metrics({"kid": value, "recall": 1 - value}, 100)
    again = TrainingMonitor(10_000, real_std=0.5)
    again.load_state(from_plain(MonitorState, json.loads(json.dumps(to_plain(watch.state()))), "state"))
    assert again.state() == watch.state()
    assert again.sample_std(0.01) == []
    assert kinds(again.tick({"d_wins": 0.99, "d_gradient": 1e3}, 2000)) == ["saturated", "exploding"]
    assert kinds(again.metrics({"kid": 0.5}, 200)) == ["falling"]


def test_a_resumed_run_does_not_tell_the_same_warning_again(images: ImageSet, tmp_path: Path) -> None:
    """The watch's memory is in the checkpoint: a samples' collapse told before the cut is not told after it."""
    gan = zoo.gan(like=autoencoder("dcgan"))
    with torch.no_grad():
        gan.generator.first.weight.zero_()
    settings = {"batch": 8, "checkpoint_every": 32, "sample_every": 16, "generator_lr": 1e-9}
    run = zoo.train(gan, images, out=tmp_path / "run", images=64, training=settings)
    shutil.rmtree(run.folder / "checkpoints" / f"{64:012d}")
    resume(run.folder)
    assert [w["warning"] for w in RunDirectory(run.folder).events("warning")] == ["collapsed"]


def test_a_generator_that_makes_one_image_is_reported_while_it_trains(images: ImageSet, tmp_path: Path) -> None:
    """The warning is in the run's record, with what to change."""
    source = autoencoder("dcgan")
    gan = zoo.gan(like=source)
    with torch.no_grad():
        gan.generator.first.weight.zero_()
    settings = {"batch": 8, "checkpoint_every": 999, "sample_every": 16, "generator_lr": 1e-9}
    run = zoo.train(gan, images, out=tmp_path / "run", images=32, training=settings)
    (warning,) = RunDirectory(run.folder).events("warning")
    assert warning["warning"] == "collapsed"
    assert "recon-anchor" in warning["advice"]
