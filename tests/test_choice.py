"""Without a source the release that keeps the images best is taken, by errors on held-out images."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from helpers import autoencoder
from PIL import Image

import zoo
from zoo.cli import choosing, zoo as command
from zoo.cli.recipes import recipe_from_options
from zoo.data.config import DataConfig
from zoo.data.open import open_images
from zoo.errors import DataError
from zoo.registry.index import models
from zoo.registry.trained_on import trained_on
from zoo.training.choice import Candidate, choose_source
from zoo.training.few_images import augmented_if_few
from zoo.transfers.auto import measure_evidence
from zoo.types import Metric


def invoke(*words: object) -> Result:
    return CliRunner().invoke(command, list(map(str, words)), catch_exceptions=False)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("choice") / "digits.npz"
    np.savez(path, images=open_images("mnist5k", limit=100).pixels.squeeze(1).numpy())
    return path


@pytest.fixture(scope="module")
def ranked(digits: Path) -> list[Candidate]:
    return choose_source(DataConfig(str(digits)))


def test_digits_are_kept_best_by_what_was_trained_on_digits(ranked: list[Candidate]) -> None:
    errors = [one.error for one in ranked]
    assert errors == sorted(errors)
    assert {ranked[0].trained_on, ranked[1].trained_on} == {"mnist5k"}
    photos = next(one for one in ranked if one.name == "spatial.photos4")
    assert photos.why == "it is for images above 32 px"
    assert photos.plain()["error"] is None
    assert ranked[0].before is not None
    assert ranked[0].before.shape == (4, 3, 32, 32)


def test_the_error_counts_colour_and_size_that_a_source_does_not_have(tmp_path: Path) -> None:
    """Smooth 64 px images of one brightness, which differ in colour alone: grey sources lose them, the spatial one
    does not."""
    rng = np.random.default_rng(0)
    hues = rng.integers(0, 200, (40, 1, 1, 3))
    images = np.broadcast_to(hues, (40, 64, 64, 3)).astype(np.uint8)
    np.savez(tmp_path / "hues.npz", images=images)
    by_name = {one.name: one for one in choose_source(DataConfig(str(tmp_path / "hues.npz")))}
    assert by_name["spatial.photos4"].error < 0.2 < by_name["dcgan.mnist5k"].error


def test_the_command_shows_the_ranking_draws_the_best_and_trains_with_it(
    digits: Path, tmp_path: Path, ranked: list[Candidate]
) -> None:
    out = tmp_path / "run"
    done = invoke("transfer", "--data", digits, "--out", out, "--images", 8, "--batch", 8, "--strategy", "decoder-init")
    assert done.exit_code == 0
    assert f"taken: {ranked[0].name}. To take another: zoo transfer {ranked[1].name}" in done.stdout
    assert "training: 8 images shown, about" in done.stderr
    with Image.open(out / "sources.png") as picture:
        assert picture.height > picture.width
    assert zoo.open_run(out).recipe.transfer.source.startswith(ranked[0].name)  # type: ignore[union-attr]
    table = done.stdout.splitlines()[: len(ranked) + 1]
    assert max(map(len, table)) <= 80


def test_a_poor_source_of_pixels_learns_the_images_first_unless_told_otherwise() -> None:
    good = Candidate("a", "", "CC0-1.0", (1, 32, 32), "pixels", 0.1)
    poor = replace(good, error=0.3)
    assert choosing.images_to_adapt(good, {}, "auto") is None
    assert choosing.images_to_adapt(poor, {}, "auto") == 12_800
    assert choosing.images_to_adapt(poor, {"adapt": 5}, "auto") == 5
    assert choosing.images_to_adapt(poor, {}, "codes") is None
    assert choosing.images_to_adapt(replace(poor, space="codes"), {}, "auto") is None


def test_vectors_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "vectors.npz", images=np.zeros((20, 5), np.float32))
    with pytest.raises(DataError, match="vectors of 5 values"):
        choose_source(DataConfig(str(tmp_path / "vectors.npz")))


def test_auto_measures_the_error_on_rows_that_are_held_out() -> None:
    images = open_images("mnist5k", shape=(1, 8, 8), limit=50)
    source = autoencoder("mlp", bottleneck="linear")
    gan = zoo.gan(like=source)
    before = measure_evidence(source, gan, images).error
    pixels = images.pixels.clone()
    pixels[images.train] = torch.randint(0, 255, pixels[images.train].shape, dtype=torch.uint8)
    assert measure_evidence(source, gan, replace(images, pixels=pixels)).error == before
    pixels[images.held_out] = 255 - pixels[images.held_out]
    assert measure_evidence(source, gan, replace(images, pixels=pixels)).error != before


def test_list_says_what_releases_were_trained_on_within_80_columns() -> None:
    lines = invoke("list").stdout.splitlines()
    assert lines[0].split()[:4] == ["name", "trained", "on", "size"]
    assert max(map(len, lines)) <= 80
    assert "mnist5k  " in next(line for line in lines if line.startswith("mlp.mnist5k"))
    assert {trained_on(entry) for entry in models("dcgan.*")} == {"emoji-noto64", "glyphs-sans32", "mnist5k"}


def test_few_images_are_augmented_unless_the_user_chose(digits: Path, tmp_path: Path) -> None:
    def augmentation(name: str, *words: str) -> tuple[str, str]:
        out = tmp_path / name
        done = invoke("train", "gan", "--generator", "mlp", "--discriminator", "mlp", "--data", digits, "--images", 8,
                      "--batch", 8, "--out", out, *words)  # fmt: skip
        assert done.exit_code == 0, done.output
        gan = zoo.open_run(out).recipe.gan
        assert gan is not None
        return gan.training.augment, done.stderr

    kinds, said = augmentation("few")
    assert kinds == "colour+translation"
    assert "100 images are few: augment=colour+translation is on (--set augment=none turns it off)" in said
    assert augmentation("chosen", "--set", "augment=none")[0] == "none"
    many = augmented_if_few(recipe_from_options("gan", {"data": "mnist5k"}))
    assert many[1] == ""


def test_shares_of_few_images_are_marked_as_rough(digits: Path, tmp_path: Path) -> None:
    done = invoke("evaluate", "dcgan.mnist5k", "--data", digits, "-n", 300)
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "(rough)" in lines["precision"]
    assert "(rough)" not in lines["kid"]
    assert lines["rough:"] == "rough: of fewer than 200 held-out images or samples; do not compare GANs by it"
    rows = json.loads(invoke("evaluate", "dcgan.mnist5k", "--data", digits, "-n", 300, "--json").stdout)
    marked = {row["name"] for row in rows if row["rough"]}
    assert marked == {"precision", "recall", "density", "coverage"}
    assert not Metric("recall", 0.5, 200, 200, "x", "held-out", "y").rough
    assert Metric("recall", 0.5, 199, 5000, "x", "held-out", "y").rough
