"""Autoencoders whose decoder takes a class: composed, trained, released, and gone on from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import states_equal
from small_transfers import make_trainer, run

import zoo
from zoo.cli import zoo as command
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.training.api import Run, train
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.devices import Engine
from zoo.training.recipe import AutoencoderTraining, EngineSection
from zoo.types import Event, PartSpec

SMALL = PartSpec("dcgan", {"width": 8})
DECODER = PartSpec("class-embedding", {"generator": {"component": "dcgan", "config": {"width": 8}}})
TRAINING = {"batch": 32, "objective": "core/ae"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 images of 8 px, noise in the lower half; the upper half is bright in the class up, and dark in down."""
    rng = np.random.default_rng(0)
    labels = np.arange(160) % 2
    images = rng.integers(0, 40, (160, 8, 8), np.uint8)
    images[labels == 0, :4] = 230
    path = tmp_path_factory.mktemp("data") / "halves.npz"
    np.savez(path, images=images, labels=labels, train=np.arange(160) % 5 > 0, classes=np.array(["up", "down"]))
    return path


@pytest.fixture(scope="module")
def images(file: Path) -> ImageSet:
    return open_images(file)


def compose(images: ImageSet, seed: int = 0) -> Autoencoder:
    return zoo.autoencoder(SMALL, DECODER, data=images.spec, code_shape=2, seed=seed)


@pytest.fixture(scope="module")
def trained(images: ImageSet, tmp_path_factory: pytest.TempPathFactory) -> Run:
    out = tmp_path_factory.mktemp("runs") / "ae"
    return train(compose(images), images, out=out, images=6_400, training=TRAINING)


def autoencoder_of(run: Run) -> Autoencoder:
    assert run.autoencoder is not None
    return run.autoencoder


def upper(samples: torch.Tensor) -> torch.Tensor:
    return samples[..., :4, :].mean((1, 2, 3))


def test_a_code_is_decoded_as_the_class_that_is_given(trained: Run, images: ImageSet) -> None:
    model = autoencoder_of(trained)
    assert model.condition is not None
    assert model.condition.classes == ("up", "down")
    codes = model.encode(images.batch(images.held_out))
    up, down = (model.decode(codes, condition=torch.full((len(codes),), number)) for number in (0, 1))
    assert (upper(up) - upper(down)).mean() > 0.2, "the code alone does not say which"
    labels = images.conditions(images.held_out)
    assert labels is not None
    x = images.batch(images.held_out)
    right, wrong = (model.reconstruct(x, condition=c) for c in (labels, 1 - labels))
    assert (right - x).square().mean() < (wrong - x).square().mean()
    mixed = model.decode(codes[:6], 4, condition=torch.tensor([0, 1] * 3))
    torch.testing.assert_close(mixed[1::2], down[1:6:2], atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(model(x, labels), right, atol=1e-5, rtol=1e-4)


def test_without_a_class_it_does_not_decode(trained: Run, images: ImageSet) -> None:
    model = autoencoder_of(trained)
    for attempt in (lambda: model.decode(torch.zeros(2, 2)), lambda: model.reconstruct(images.batch(images.held_out))):
        with pytest.raises(CompositionError, match="takes a class or attributes of each sample, and none are given"):
            attempt()
    with pytest.raises(CompositionError, match="needs the images' classes"):
        zoo.autoencoder(SMALL, DECODER, shape=(1, 8, 8), code_shape=2)


def test_an_objective_need_not_know_of_the_class(images: ImageSet) -> None:
    """The decoder takes it by itself while a batch's loss is computed, and at no other time."""
    model = compose(images).eval()
    torch.nn.init.normal_(model.decoder.embedding.weight, generator=torch.Generator().manual_seed(0))  # type: ignore[union-attr,arg-type]
    z, labels = torch.zeros(4, 2), torch.tensor([0, 1, 1, 0])
    with torch.no_grad(), model.given(labels):
        inside = model.decoder(z)
    torch.testing.assert_close(inside, model.decode(z, condition=labels))
    assert not model.decoder._forward_pre_hooks
    with pytest.raises(CompositionError), model.given(None):
        pass
    plain = zoo.autoencoder(SMALL, SMALL, shape=(1, 8, 8), code_shape=2)
    with plain.given(None):
        assert plain.decode(z).shape == (4, 1, 8, 8)


@pytest.mark.parametrize("objective", ["core/ae", "core/vae", "core/vae-gan", "core/rae"])
def test_each_objective_trains_the_vectors_of_the_classes(images: ImageSet, objective: str) -> None:
    trainer = AutoencoderTrainer(compose(images), images, AutoencoderTraining(objective=objective, batch=8), 0)
    trainer.step(images.train[:8], 0)
    assert trainer.model.decoder.embedding.weight.abs().sum() > 0  # type: ignore[union-attr,operator]


def test_micro_batches_get_the_classes_of_their_rows(images: ImageSet) -> None:
    states = []
    for accumulate in (1, 4):
        engine = Engine(EngineSection(accumulate=accumulate))
        trainer = AutoencoderTrainer(
            compose(images), images, AutoencoderTraining(objective="core/ae", batch=16), 0, engine
        )
        for step in range(3):
            trainer.step(images.train[16 * step : 16 * (step + 1)], 16 * step)
        states.append(trainer.model.decoder.state_dict())
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-4, atol=1e-5)


def test_a_stopped_run_goes_on_to_the_bit(images: ImageSet, tmp_path: Path) -> None:
    settings = {**TRAINING, "batch": 16, "checkpoint_every": 32}
    whole = train(compose(images), images, out=tmp_path / "whole", images=96, training=settings)

    def stop(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        train(compose(images), images, out=tmp_path / "half", images=96, training=settings, watch=[stop])
    assert states_equal(autoencoder_of(whole), autoencoder_of(zoo.resume(tmp_path / "half")))


def test_a_release_keeps_the_classes_and_reproduces_its_vectors(trained: Run, images: ImageSet, tmp_path: Path) -> None:
    trained.release(tmp_path / "release", license="CC0-1.0", name="dcgan.halves")
    loaded = zoo.load(tmp_path / "release").autoencoder
    assert loaded is not None
    assert loaded.condition == images.spec.condition
    x, labels = images.batch(images.held_out), images.conditions(images.held_out)
    model = autoencoder_of(trained)
    assert torch.equal(loaded.reconstruct(x, condition=labels), model.reconstruct(x, condition=labels))
    verified = CliRunner().invoke(command, ["verify", str(tmp_path / "release")])
    assert verified.exit_code == 0, verified.output
    with torch.no_grad():
        loaded.decoder.embedding.weight.zero_()  # type: ignore[union-attr,operator]
    assert not torch.equal(loaded.reconstruct(x, condition=labels), model.reconstruct(x, condition=labels))


def test_a_gan_goes_on_from_the_decoder_with_its_classes(trained: Run, images: ImageSet) -> None:
    source = autoencoder_of(trained)
    result = zoo.transfer(source, strategy="decoder-init+encoder-init+gmm-prior+class-projection", data=images)
    z, classes = result.gan.draw(6), torch.tensor([0, 1] * 3)
    torch.testing.assert_close(result.gan.generate(z, classes), source.decode(z, condition=classes))
    assert (upper(result.gan.sample(32, classes="up")) > upper(result.gan.sample(32, classes="down"))).all()
    run(make_trainer(result, images, images=96), images, 2)
    assert zoo.transfer(source, data=images).gan.condition == images.spec.condition, "by auto"


def test_what_cannot_give_a_class_to_the_decoder_is_refused(trained: Run, images: ImageSet, tmp_path: Path) -> None:
    source = autoencoder_of(trained)
    for strategy in ("decoder-distill", "latent-gan", "feature-distill", "energy"):
        with pytest.raises(TransferError, match="takes a class of each sample"):
            zoo.transfer(source, strategy=strategy, data=images)
    labels = images.labels
    assert labels is not None
    np.savez(tmp_path / "other.npz", images=images.pixels.numpy()[:, 0], labels=labels, classes=np.array(["a", "b"]))  # type: ignore[union-attr]
    other = open_images(tmp_path / "other.npz")
    for strategy in ("decoder-init", "auto"):
        with pytest.raises(TransferError, match="takes the classes up, down, and the images have the classes a, b"):
            zoo.transfer(source, zoo.gan(like=source, data=other.spec), strategy, data=other)
    spatial = PartSpec("spatial", {"factor": 2, "width": 8, "blocks": 1})
    decoder = PartSpec("class-embedding", {"generator": {"component": "spatial", "config": spatial.config}})
    with_places = zoo.autoencoder(spatial, decoder, data=images.spec, code_shape=(2, 4, 4))
    with pytest.raises(CompositionError, match="is no first stage"):
        FirstStage(with_places)


def test_the_commands_train_one_and_reconstruct(file: Path, tmp_path: Path) -> None:
    def cli(*words: object) -> str:
        done = CliRunner().invoke(command, [str(word) for word in words])
        return done.output if done.exit_code == 0 else str(done.exception)

    data = ("--data", file, "--images", 32, "--batch", 8, "--code-shape", 2)
    net = ("--shape", "1,8,8", "--encoder", "dcgan", "--set", "encoder.width=8")
    cli("train", "autoencoder", "--by-class", *data, *net, "--out", tmp_path / "run")
    opened = autoencoder_of(zoo.open_run(tmp_path / "run"))
    assert opened.condition is not None
    assert opened.condition.classes == ("up", "down")
    assert opened.specs["decoder"].component == "transfer/class-embedding"
    assert "(2)" in cli("reconstruct", tmp_path / "run", "--data", file, "-n", 2, "-o", tmp_path / "pairs.png")
    moved = cli("transfer", tmp_path / "run", "--by-class", "--data", file, "--images", 16, "--out", tmp_path / "gan")
    gan = zoo.open_run(tmp_path / "gan").gan
    assert gan is not None, moved
    assert gan.condition is not None
    assert all(getattr(gan.parts[role], "conditional", False) for role in gan.parts)
    unlabelled = cli("train", "autoencoder", "--by-class", "--labels", "off", *data, *net, "--out", tmp_path / "none")
    assert "they have none" in unlabelled


def test_a_trained_decoder_takes_no_class_afterwards() -> None:
    from dataclasses import replace

    from zoo.data.config import DataConfig
    from zoo.training.classes import with_classes
    from zoo.training.recipe import AutoencoderSection, Recipe

    recipe = Recipe(DataConfig("mnist5k"), autoencoder=AutoencoderSection())
    taking = with_classes(recipe)
    assert taking.autoencoder is not None
    assert with_classes(taking) == taking
    released = replace(recipe, autoencoder=AutoencoderSection(source="dcgan.mnist5k"))
    with pytest.raises(ConfigError, match="is trained already, and takes no class"):
        with_classes(released)
