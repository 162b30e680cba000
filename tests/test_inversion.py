"""Inversion: codes of given images by the encoder and a search, then a generator tuned to them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released, states_equal
from PIL import Image
from torch import Tensor

import zoo
from zoo._utils.tensors import unpack
from zoo.cli import zoo as command
from zoo.editing import tuning
from zoo.editing.inversion import invert
from zoo.editing.photographs import photographs_in, read_mask, read_photographs
from zoo.editing.saved import read_saved
from zoo.editing.search import METHODS, search_codes
from zoo.editing.space import CodeSpace
from zoo.editing.target import Terms, feature_distance
from zoo.errors import ConfigError, DataError, IntegrityError
from zoo.networks.autoencoder import FirstStage
from zoo.registry.load import LoadedRelease
from zoo.types import DataSpec, PartSpec


@pytest.fixture(scope="module")
def pair() -> LoadedRelease:
    return zoo.load("dcgan.mnist5k")


@pytest.fixture(scope="module")
def digits(pair: LoadedRelease) -> Tensor:
    assert pair.gan is not None
    images = zoo.open_images("mnist5k", like=pair.gan.output)
    return images.batch(images.held_out[:6])


def latent_pair() -> SimpleNamespace:
    """An untrained GAN of codes (3, 4, 4) of a first stage of 8 px images, with an autoencoder of these codes."""
    part = PartSpec("spatial", {"factor": 2, "width": 4})
    stage = FirstStage(zoo.autoencoder(part, part, shape=(3, 8, 8), code_shape=(3, 4, 4), seed=0))
    small = PartSpec("mlp", {"widths": [16]})
    second = zoo.autoencoder(small, small, data=stage.codes, code_shape=5, seed=1)
    second.first_stage = stage
    gan = zoo.gan(like=second, seed=2)
    gan.first_stage = stage
    return SimpleNamespace(gan=gan, autoencoder=second)


def test_a_search_from_the_encoder_goes_up_and_beats_as_many_steps_from_the_mean_code(
    pair: LoadedRelease, digits: Tensor
) -> None:
    ours = invert(pair, digits, steps=10)
    assert (ours.psnr > ours.curve[0] + 1).all()
    torch.testing.assert_close(ours.psnr, ours.searched)
    mean = invert(pair, digits, steps=10, start="mean")
    assert (ours.psnr > mean.psnr).all()
    width = ours.space.output.high - ours.space.output.low
    error = ((ours.images - digits) / width).square().flatten(1).mean(1)
    torch.testing.assert_close(ours.psnr, -10 * error.log10(), atol=0.2, rtol=0)


def test_images_of_a_batch_do_not_influence_each_other(pair: LoadedRelease, digits: Tensor) -> None:
    together = invert(pair, digits, steps=5)
    apart = invert(pair, digits, steps=5, batch=1)
    torch.testing.assert_close(together.codes, apart.codes, atol=1e-3, rtol=1e-3)


def test_no_step_gives_the_encoders_code(pair: LoadedRelease, digits: Tensor) -> None:
    assert pair.autoencoder is not None
    found = invert(pair, digits, steps=0)
    assert torch.equal(found.codes, pair.autoencoder.encode(digits))
    assert found.steps.tolist() == [0] * 6


@pytest.mark.parametrize("method", METHODS)
def test_the_code_of_the_least_loss_is_kept(pair: LoadedRelease, method: str) -> None:
    """Each image has its own; with Adam, the loss rises again after a while."""
    space = CodeSpace(pair)
    start = torch.zeros(3, 64)
    goals = torch.tensor([0.0, 0.1, 0.2])[:, None]

    def distance(codes: Tensor, rows: Tensor) -> Terms:
        loss = (codes - goals[rows]).abs().mean(1) + (codes.detach().abs().mean(1) > 0.35) * 10
        return Terms(loss, loss, loss, (codes - goals[rows]) / 8)

    best = search_codes(space, start, distance, 8, lambda: None, method)
    for row in range(3):
        assert int(best.steps[row]) == int(best.errors[:, row].argmin())
        torch.testing.assert_close((best.codes[row] - goals[row]).abs().mean(), best.errors[:, row].min())
    assert best.steps[0] == 0


def test_gauss_newton_steps_reach_in_ten_what_adam_reaches_in_a_hundred(pair: LoadedRelease, digits: Tensor) -> None:
    few = invert(pair, digits, method="gauss-newton")
    many = invert(pair, digits, start="mean")
    assert (len(few.curve), len(many.curve)) == (11, 101)
    assert few.psnr.mean() > many.psnr.mean()
    assert (few.curve.diff(dim=0) >= 0).all(), "a step that makes the loss greater is not taken"
    again = invert(pair, digits[2:4], method="gauss-newton")
    torch.testing.assert_close(few.psnr[2:4], again.psnr, atol=0.1, rtol=0)


def test_gauss_newton_steps_solve_a_linear_generator_in_one_step() -> None:
    """With features too, whose residuals are added to those of the pixels."""
    ae = autoencoder()
    linear = torch.nn.Linear(6, 64)
    ae.decoder.forward = lambda z: linear(z).view(-1, 1, 8, 8)  # type: ignore[method-assign]
    images = ae.decoder(torch.randn(3, 6, generator=torch.Generator().manual_seed(0))).detach()
    found = invert(ae, images, method="gauss-newton", steps=4)
    assert (found.psnr > 55).all()
    both = invert(ae, images, method="gauss-newton", steps=2, weight=0.03)
    assert (both.psnr > both.curve[0]).all()


def test_codes_that_are_too_long_for_gauss_newton_steps_are_refused() -> None:
    large = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=1025)
    with pytest.raises(ConfigError, match="1,025 values"):
        invert(large, torch.zeros(1, 1, 8, 8), method="gauss-newton")
    with pytest.raises(ConfigError, match="unknown"):
        invert(large, torch.zeros(1, 1, 8, 8), method="newton")


def test_tuning_comes_nearer_stays_near_elsewhere_and_leaves_the_release_alone(
    pair: LoadedRelease, digits: Tensor
) -> None:
    before = zoo.load("dcgan.mnist5k").gan
    progress: list[tuple[int, int]] = []
    found = invert(pair, digits[:2], steps=5, tune=25, seed=3, progress=lambda *done: progress.append(done))
    assert progress == [(i + 1, 30) for i in range(30)]
    assert (found.psnr > found.searched + 3).all()
    assert states_equal(pair.gan, before)
    again = invert(pair, digits[:2], steps=5, tune=25, seed=3)
    assert states_equal(found.space.generator, again.space.generator)
    other = invert(pair, digits[:2], steps=5, tune=25, seed=4)
    assert not states_equal(found.space.generator, other.space.generator), "the seed draws the codes that are held"


def test_tuning_holds_the_generator_near_the_codes(pair: LoadedRelease, digits: Tensor, monkeypatch: Any) -> None:
    space = CodeSpace(pair)
    pivots = invert(pair, digits[:1], steps=5).codes
    near = pivots + 0.5 * (space.drawn(1, 32) - pivots)

    def change(weight: float) -> float:
        monkeypatch.setattr(tuning, "_LOCAL_WEIGHT", weight)
        tuned = invert(pair, digits[:1], steps=5, tune=60).space
        return float((tuned.images(near) - space.images(near)).square().mean())

    assert change(1.0) < 0.7 * change(0.0)


def test_a_gan_of_codes_is_inverted_through_its_first_stage() -> None:
    model = latent_pair()
    space = CodeSpace(model)
    codes = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    images = space.images(codes)
    torch.testing.assert_close(images, model.gan.to_output(model.gan.generate(codes)))
    found = invert(model, images, steps=40)
    assert found.images.shape == (3, 3, 8, 8)
    assert (found.psnr > found.curve[0]).all()
    assert invert(model, images, steps=3, tune=10).psnr.mean() > found.curve[3].mean()


def test_an_autoencoder_alone_is_inverted_through_its_decoder() -> None:
    ae = autoencoder()
    images = ae.decode(torch.randn(2, 6, generator=torch.Generator().manual_seed(0)))
    found = invert(ae, images, steps=20)
    assert (found.psnr > found.curve[0]).all()
    with pytest.raises(ConfigError, match="no GAN"):
        invert(ae, images, start="mean")
    invert(ae, images, steps=1, tune=2)


def test_a_gan_without_an_encoder_says_so_and_starts_from_the_mean_code() -> None:
    gan = zoo.gan(like=autoencoder(), seed=0)
    images = gan.sample(2)
    with pytest.raises(ConfigError, match="no encoder") as caught:
        invert(gan, images)
    assert "--start mean" in caught.value.hint
    found = invert(gan, images, steps=10, start="mean")
    assert found.psnr.mean() > found.curve[0].mean() + 2
    assert found.features.isfinite().all(), "the discriminator's features"
    other = autoencoder("mlp")
    narrow = zoo.autoencoder("dcgan", "dcgan", shape=(1, 8, 8), code_shape=5)
    assert CodeSpace(SimpleNamespace(gan=gan, autoencoder=other)).encoder is other
    assert CodeSpace(SimpleNamespace(gan=gan, autoencoder=narrow)).encoder is None, "codes of another shape"


@pytest.mark.parametrize(
    ("images", "how", "match"),
    [
        (torch.zeros(2, 1, 9, 9), {}, "are not"),
        (torch.zeros(0, 1, 8, 8), {}, "are not"),
        (torch.full((1, 1, 8, 8), torch.nan), {}, "not finite"),
        (torch.zeros(1, 1, 8, 8), {"steps": -1}, "-1 steps"),
        (torch.zeros(1, 1, 8, 8), {"start": "middle"}, "middle"),
    ],
)
def test_what_cannot_be_inverted_is_refused(images: Tensor, how: dict[str, object], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        invert(autoencoder(), images, **how)  # type: ignore[arg-type]


def test_the_distance_of_features_is_zero_for_equal_ones_and_ignores_their_length() -> None:
    a = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    flat = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    torch.testing.assert_close(feature_distance([a, flat], [3 * a, flat]), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(feature_distance([flat], [-flat]), torch.full((2,), 4.0), atol=1e-3, rtol=0)


def picture(path: Path, pixels: np.ndarray) -> Path:  # type: ignore[type-arg]
    Image.fromarray(pixels).save(path)
    return path


def test_the_command_writes_codes_pairs_and_a_report(tmp_path: Path) -> None:
    release = released(tmp_path / "release")
    rng = np.random.default_rng(0)
    photos = [picture(tmp_path / f"{i}.png", rng.integers(0, 255, (12, 16), dtype=np.uint8)) for i in range(2)]
    words = ["invert", str(release), *map(str, photos), "--steps", "3", "--tune", "-o", str(tmp_path / "out"), "--json"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 0, done.exception
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert [row["file"] for row in report["images"]] == [str(photo) for photo in photos]
    assert all(row["psnr"] > row["searched_psnr"] >= row["start_psnr"] - 1 for row in report["images"])
    assert json.loads(done.stdout)["images"] == report["images"]
    assert (report["seed"], report["steps"], report["start"], report["tune"]) == (0, 3, "encoder", True)
    codes = unpack((tmp_path / "out" / "codes.safetensors").read_bytes(), "codes")["codes"]
    assert codes.shape == (2, 6)
    tuned = unpack((tmp_path / "out" / "generator.safetensors").read_bytes(), "generator")
    zoo.load(release).gan.generator.load_state_dict(tuned)  # type: ignore[union-attr]
    with Image.open(tmp_path / "out" / "pairs.png") as sheet:
        assert sheet.width > 2 * 48
    again = CliRunner().invoke(command, words)
    assert isinstance(again.exception, ConfigError)
    assert "is there already" in str(again.exception)


def test_a_photograph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n")
    for path in (broken, tmp_path / "missing.png", tmp_path):
        with pytest.raises(DataError, match=path.name):
            read_photographs([path], DataSpec((1, 8, 8)))


def test_a_mask_is_cut_like_its_photograph_and_must_be_as_large(tmp_path: Path) -> None:
    spec = DataSpec((3, 8, 8), background=255, prepare="resize")
    photo = picture(tmp_path / "photo.png", np.zeros((16, 32, 3), np.uint8))
    half = np.zeros((16, 32), np.uint8)
    half[:, 16:] = 255
    hidden = read_mask(picture(tmp_path / "half.png", half), photo, spec)
    assert hidden.shape == (1, 8, 8)
    assert hidden[0, :, 4:].all()
    assert not hidden[0, :, :3].any()
    padded = read_mask(tmp_path / "half.png", photo, DataSpec((3, 16, 32), background=255, prepare="pad"))
    assert padded.sum() == 16 * 16
    with pytest.raises(DataError, match="hides nothing"):
        read_mask(picture(tmp_path / "none.png", 0 * half), photo, spec)
    with pytest.raises(DataError, match="hides the whole"):
        read_mask(picture(tmp_path / "all.png", 0 * half + 255), photo, spec)
    with pytest.raises(DataError, match="8 x 8 pixels"):
        read_mask(picture(tmp_path / "small.png", half[:8, :8]), photo, spec)


def test_a_folder_and_a_pattern_name_their_images(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("b.png", "a.png"):
        picture(tmp_path / "photos" / name, np.zeros((8, 8), dtype=np.uint8))
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    names = ["a.png", "b.png"]
    assert [path.name for path in photographs_in([tmp_path / "photos"])] == names
    assert [path.name for path in photographs_in([tmp_path / "photos" / "*.png"])] == names
    for nothing in (tmp_path, tmp_path / "*.jpg"):
        with pytest.raises(DataError, match="has no images"):
            photographs_in([nothing])


def test_a_saved_inversion_is_edited_without_another_search(tmp_path: Path) -> None:
    """With the generator that was tuned; that of another model is refused."""
    release = released(tmp_path / "release")
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(2):
        picture(tmp_path / "photos" / f"{i}.png", rng.integers(0, 255, (8, 8), dtype=np.uint8))
    photos, out = str(tmp_path / "photos"), str(tmp_path / "out")
    run = CliRunner().invoke
    done = run(command, ["invert", str(release), photos, "--steps", "3", "--tune", "-o", out])
    assert done.exit_code == 0, done.output
    model = zoo.load(release)
    saved = read_saved(out, model)
    assert saved.files == (f"{photos}/0.png", f"{photos}/1.png")
    assert not states_equal(saved.space.generator, CodeSpace(model).generator)
    words = ["edit", str(release), out, "--from", photos, "--to", photos, "-o", str(tmp_path / "s.png"), "--json"]
    done = run(command, [*words, "--strength", "1"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["psnr"] is None
    with Image.open(tmp_path / "s.png") as strip:
        width, height = strip.size
        assert height > 0.9 * width, "two rows, of the image and its edit"
    other = zoo.gan(like=autoencoder(), seed=9)
    with pytest.raises(ConfigError, match="another model"):
        read_saved(out, other)
    path = tmp_path / "out" / "codes.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityError):
        read_saved(out, model)
