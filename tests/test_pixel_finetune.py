"""pixel-finetune: a trained GAN of codes goes on in pixels, through its decoder, against a discriminator with the
encoder's weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder as flat_autoencoder, states_equal

import zoo
from zoo.cli import zoo as command
from zoo.errors import TransferError
from zoo.networks.gan import GAN
from zoo.registry.edit import add
from zoo.training.api import Run, open_run, resume, train
from zoo.training.rehearsal import rehearse
from zoo.transfers.apply import TransferResult

SPATIAL = zoo.PartSpec("spatial", {"factor": 2, "width": 4})
SMALL = zoo.PartSpec("r3gan", {"width": 4})
STRATEGY = [zoo.PartSpec("pixel-finetune", {"warmup_images": 16, "warmup_accuracy": 1.0})]
TRAINING = {"batch": 8, "checkpoint_every": 24}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 colour images of 16 px, with a split."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 4, 4, 3), np.uint8)
    path = tmp_path_factory.mktemp("data") / "photos.npz"
    np.savez(path, images=noise.repeat(4, 1).repeat(4, 2), train=np.arange(60) < 48)
    return path


@pytest.fixture(scope="module")
def codes_run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A GAN of codes (3, 8, 8), trained for a few steps."""
    autoencoder = zoo.autoencoder(SPATIAL, SPATIAL, shape=(3, 16, 16), code_shape=(3, 8, 8)).eval()
    gan = zoo.gan(SMALL, SMALL, first_stage=zoo.first_stage(autoencoder, photos), code_shape=5)
    return train(gan, photos, out=tmp_path_factory.mktemp("runs") / "codes", images=32, training={"batch": 8})


def finetuned(run: Run, photos: Path) -> TransferResult:
    assert run.gan is not None
    return zoo.transfer(run.gan, strategy=STRATEGY, data=str(photos))


def test_before_training_samples_are_those_of_the_gan_of_codes(codes_run: Run, photos: Path) -> None:
    before, after = codes_run.gan, finetuned(codes_run, photos).gan
    assert before is not None
    assert after.first_stage is None
    assert after.data.shape == (3, 16, 16)
    torch.testing.assert_close(after.sample(6, seed=3).clamp(-1, 1), before.sample(6, seed=3), atol=1e-5, rtol=1e-5)


def test_the_discriminator_starts_with_the_encoders_weights_and_a_fresh_head(codes_run: Run, photos: Path) -> None:
    result = finetuned(codes_run, photos)
    assert states_equal(result.gan.discriminator.encoder, result.source.encoder)
    assert result.report.count("discriminator")["fresh"] == 2
    assert "fresh" not in result.report.count("generator")


def test_the_generator_waits_for_the_discriminator_and_then_learns_slowly(codes_run: Run, photos: Path) -> None:
    schedules = finetuned(codes_run, photos).plan.schedules["generator.lr"]

    def factor(shown: int) -> float:
        return float(np.prod([schedule(shown) for schedule in schedules]))

    assert (factor(0), factor(15), factor(16), factor(10_000)) == (0, 0, 0.1, 0.1)


def test_generator_and_decoder_both_learn(codes_run: Run, photos: Path, tmp_path: Path) -> None:
    result = finetuned(codes_run, photos)
    before = {name: value.clone() for name, value in result.gan.generator.state_dict().items()}
    train(result, photos, out=tmp_path / "run", images=48, training=TRAINING)
    moved = {name for name, value in result.gan.generator.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("generator.") for name in moved)
    assert any(name.startswith("decoder.") for name in moved)
    assert not moved & {"offset", "scale"}


def test_a_run_resumes_to_the_bit_and_its_release_gives_its_samples(
    codes_run: Run, photos: Path, tmp_path: Path
) -> None:
    whole = train(finetuned(codes_run, photos), photos, out=tmp_path / "whole", images=48, training=TRAINING)
    train(finetuned(codes_run, photos), photos, out=tmp_path / "part", images=24, training=TRAINING)
    longer = resume(tmp_path / "part", override={"images": 48}, out=tmp_path / "longer")
    assert isinstance(whole.gan, GAN)
    assert isinstance(longer.gan, GAN)
    assert states_equal(whole.gan, longer.gan)
    manifest = open_run(tmp_path / "whole").release(tmp_path / "release", license="CC0-1.0")
    loaded = zoo.load(tmp_path / "release").gan
    assert loaded is not None
    assert torch.equal(loaded.sample(4, seed=1), whole.gan.sample(4, seed=1))
    assert manifest.lineage is not None
    assert manifest.lineage.strategy == "transfer/pixel-finetune"
    assert manifest.first_stage is None


def test_the_command_goes_on_from_a_release_and_its_recipe_can_be_run_again(
    codes_run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes_run.release(tmp_path / "release", license="CC0-1.0", name="r3gan.tiny")
    words = ("--strategy", "pixel-finetune", "--data", str(photos), "--images", "16", "--batch", "8")
    for name, source in (("of-release", tmp_path / "release"), ("of-run", codes_run.folder)):
        done = CliRunner().invoke(command, ["transfer", str(source), *words, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    run = open_run(tmp_path / "of-release")
    assert run.recipe.transfer is not None
    assert run.recipe.transfer.source == "r3gan.tiny@0.1.0"
    add(str(tmp_path / "release"), tmp_path / "lab.toml")
    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "lab.toml"))
    rehearse(run.recipe)
    explained = CliRunner().invoke(command, ["transfer", str(tmp_path / "release"), *words, "--explain", "-v"])
    assert explained.exit_code == 0, explained.output
    assert "generator.decoder" in explained.output


@pytest.mark.parametrize(
    ("source", "strategy", "says"),
    [
        ("autoencoder", "pixel-finetune", "goes on from a trained GAN of codes, and the source is an autoencoder"),
        ("gan", "decoder-init", "transfers from an autoencoder, and the source is a GAN"),
        ("gan of pixels", "pixel-finetune", "is for a GAN of codes"),
    ],
)
def test_a_source_of_the_wrong_kind_is_refused(codes_run: Run, source: str, strategy: str, says: str) -> None:
    assert codes_run.gan is not None
    flat = flat_autoencoder()
    sources = {"autoencoder": flat, "gan": codes_run.gan, "gan of pixels": zoo.gan(like=flat)}
    with pytest.raises(TransferError, match=says):
        zoo.transfer(sources[source], strategy=strategy)


def test_a_release_without_a_gan_is_refused(tmp_path: Path, photos: Path) -> None:
    done = CliRunner().invoke(
        command,
        ["transfer", "spatial.photos4", "--strategy", "pixel-finetune", "--data", str(photos), "--out", str(tmp_path)],
    )
    assert done.exit_code == 1
    assert "holds no GAN" in str(done.exception)
