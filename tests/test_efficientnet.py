"""The judge of photographs: EfficientNet-Lite0 as its authors' code computes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from zoo_efficientnet import weights
from zoo_efficientnet.config import EncoderConfig, JudgeConfig
from zoo_efficientnet.encoder import EfficientNetEncoder
from zoo_efficientnet.judge import EfficientNetFeatures
from zoo_efficientnet.network import LiteNetwork

import zoo
from zoo.cli import main
from zoo.data.open import open_images
from zoo.errors import ConfigError, IntegrityError
from zoo.metrics.evaluate import reference
from zoo.metrics.own import refuse_own_features
from zoo.networks.pretrained import remember_origins
from zoo.training.first_stage_report import report_on_first_stage
from zoo.training.recipe import EngineSection, GanSection
from zoo.types import DataSpec, PartSpec


@pytest.fixture(scope="module")
def judge() -> EfficientNetFeatures:
    return EfficientNetFeatures(JudgeConfig())


def test_it_computes_what_the_original_code_computes(judge: EfficientNetFeatures) -> None:
    """The largest of 1,280 values for a wave at 224 px, as efficientnet-lite-pytorch 0.1.0 gave them."""
    x = torch.linspace(-1, 1, 3 * 224 * 224).mul(40).sin().view(1, 3, 224, 224)
    with torch.no_grad():
        largest = judge.network.pooled(x)[0].topk(6).values
    expected = torch.tensor([5.85853, 5.59525, 5.43913, 4.99488, 4.86265, 4.7293])
    torch.testing.assert_close(largest, expected, atol=1e-4, rtol=1e-4)


def test_weights_other_than_the_known_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_read", lambda: b"other")
    with pytest.raises(IntegrityError, match="has the sha256"):
        weights.load_pretrained(LiteNetwork())


def test_it_tells_pictures_from_noise_and_not_from_other_pictures() -> None:
    images = open_images("emoji-noto64", limit=200)
    measured = reference(images, "efficientnet")
    real = measured.measure(images.batch(images.train[:40]))[0].value
    noise = measured.measure(torch.rand(40, 3, 64, 64) * 2 - 1)[0].value
    assert abs(real) < 0.1
    assert noise > 0.4


def test_a_discriminator_with_its_features_cannot_be_judged_by_it(judge: EfficientNetFeatures) -> None:
    gan = zoo.gan(PartSpec("dcgan", {"width": 4}), "efficientnet", shape=(3, 32, 32))
    with pytest.raises(ConfigError, match="cannot measure it"):
        refuse_own_features(judge, gan.parts)


def test_a_gan_whose_autoencoder_was_trained_by_its_features_cannot_be_judged_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """None of the model's networks has these weights, so that its origins alone tell."""
    net = PartSpec("dcgan", {"width": 2})
    perceptual = {"component": "perceptual", "config": {"encoder": {"component": "efficientnet"}}}
    training = {"images": 8, "batch": 8}
    images = open_images("emoji-noto64", limit=40)
    model = zoo.autoencoder(net, net, shape=(3, 64, 64), code_shape=4)
    source = zoo.train(model, images, out=tmp_path / "ae", training=training | {"objective": perceptual})
    transferred = zoo.transfer(source.autoencoder, zoo.gan(like=source.autoencoder), "decoder-init")
    judged = {"metric": "efficientnet", "every": 8}
    with pytest.raises(ConfigError, match="weights that the model was trained with"):
        zoo.train(transferred, images, out=tmp_path / "judged", training=training, evaluation=judged)
    zoo.train(transferred, images, out=tmp_path / "gan", training=training)
    with pytest.raises(SystemExit):
        main(["evaluate", str(tmp_path / "gan"), "--data", "emoji-noto64", "--metric", "efficientnet"])
    assert "weights that the model was trained with" in capsys.readouterr().err


def test_reconstructions_of_a_first_stage_trained_by_its_features_are_not_measured_in_them() -> None:
    images = open_images("emoji-noto64", shape=(3, 32, 32), limit=20)
    net = PartSpec("spatial", {"width": 8})
    autoencoder = zoo.autoencoder(net, net, shape=(3, 32, 32), code_shape=(2, 8, 8))
    remember_origins(autoencoder, (weights.ORIGIN,))
    stage = zoo.first_stage(autoencoder, images)
    gan = GanSection(generator="r3gan", discriminator="r3gan")
    with pytest.raises(ConfigError, match="weights that the model was trained with"):
        report_on_first_stage(images, stage, gan, metric="efficientnet", engine=EngineSection(device="cpu"))


def test_a_gan_like_an_autoencoder_of_it_starts_fresh() -> None:
    source = zoo.autoencoder("efficientnet", PartSpec("dcgan", {"width": 2}), shape=(3, 32, 32), code_shape=4)
    assert source.specs["encoder"].config["pretrained"]
    assert not zoo.gan(like=source).specs["discriminator"].config["pretrained"]


def test_the_encoder_has_the_same_weights_in_any_range(judge: EfficientNetFeatures) -> None:
    data = DataSpec((1, 48, 64), low=0.0, high=1.0)
    encoder = EfficientNetEncoder(EncoderConfig(), data)
    origin = encoder.fetch()
    assert origin is not None
    assert origin.sha256 == judge.sha256
    assert origin.license == "Apache-2.0"
    x = torch.rand(2, 1, 48, 64)
    with torch.no_grad():
        stages = encoder.train().features(x).stages
        expected = judge.network((x.expand(-1, 3, -1, -1) * 255 - 127) / 128)
    for stage, other in zip(stages, expected, strict=True):
        torch.testing.assert_close(stage, other, atol=1e-4, rtol=1e-4)
