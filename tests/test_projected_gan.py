"""Projected GAN: a discriminator that has heads on a frozen encoder's features alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import zoo
from zoo.errors import CompositionError, ConfigError
from zoo.types import DataSpec, PartSpec

ENCODER = {"component": "dcgan", "config": {"width": 4}}
GENERATOR = PartSpec("dcgan", {"width": 4})
TRAINING = {"batch": 8, "images": 32, "checkpoint_every": 16, "sample_every": 9_999, "objective": "core/hinge"}


def projected(shape: tuple[int, ...] = (1, 8, 8), **settings: Any) -> Any:
    part = PartSpec("projected-heads", {"encoder": ENCODER, "channels": 8, **settings})
    return zoo.gan(GENERATOR, part, shape=shape, code_shape=6)


def test_each_head_is_a_group_of_logits_and_there_are_no_others() -> None:
    """dcgan's maps of 32 px images are 16, 8 and 4 px: heads go down to 4x4."""
    gan = projected((3, 32, 32))
    assert gan.discriminator.logit_groups == (16, 16, 16)
    logits, stages = gan.discriminator.discriminate(torch.zeros(2, 3, 32, 32))
    assert logits.shape == (2, 48)
    assert [stage.shape[1:] for stage in stages] == [(8, 16, 16), (16, 8, 8), (32, 4, 4)]


@pytest.mark.parametrize(("shape", "seen"), [((1, 8, 8), (16, 16)), ((1, 32, 32), (32, 32))])
def test_the_encoder_sees_images_at_the_size_given_if_it_is_larger(
    shape: tuple[int, int, int], seen: tuple[int, int]
) -> None:
    gan = projected(shape, size=16)
    found: list[Tensor] = []
    gan.discriminator.encoder.stages[0].register_forward_pre_hook(lambda net, given: found.append(given[0]))
    gan.discriminator.discriminate(torch.ones(1, *shape))
    assert found[0].shape[2:] == seen
    assert (found[0] == 1).all()


def test_the_heads_are_trained_the_encoder_is_not_and_a_run_resumes_bit_for_bit(
    images_file: Path, tmp_path: Path
) -> None:
    gan = projected(size=16)
    before = {name: weight.clone() for name, weight in gan.discriminator.state_dict().items()}
    run = zoo.train(gan, str(images_file), out=tmp_path / "run", training=TRAINING)
    trained = {name for name, _ in gan.discriminator.named_parameters() if name.startswith("heads.")}
    for name, weight in run.gan.discriminator.state_dict().items():
        assert torch.equal(weight, before[name]) or name.startswith("heads."), name
        assert not torch.equal(weight, before[name]) or name not in trained, name
    end = run.folder / "checkpoints" / f"{32:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    zoo.resume(run.folder)
    assert (end / "tensors.safetensors").read_bytes() == whole


def test_a_gan_of_the_judges_features_cannot_be_judged_by_them(tmp_path: Path) -> None:
    """The features are an ImageNet prior: the run says where they come from, and the metric refuses."""
    pretrained = {"component": "efficientnet", "config": {"pretrained": True}}
    gan = projected((3, 64, 64), encoder=pretrained)
    images = zoo.open_images("emoji-noto64", limit=40)
    judged = {"metric": "efficientnet", "every": 8}
    with pytest.raises(ConfigError, match="weights that the model was trained with"):
        zoo.train(gan, images, out=tmp_path / "judged", training=TRAINING, evaluation=judged)
    run = zoo.train(gan, images, out=tmp_path / "run", training=TRAINING | {"images": 8})
    assert [origin.license for origin in run.recipe.pretrained] == ["Apache-2.0"]


def test_what_leaves_no_logit_or_no_image_is_refused() -> None:
    with pytest.raises(ConfigError, match="leaves nothing"):
        projected(strength=0.0)
    vector = {"component": "mlp", "config": {"widths": [8]}}
    part = PartSpec("projected-heads", {"encoder": vector, "size": 16})
    with pytest.raises(CompositionError, match="enlarges images"):
        zoo.gan("mlp", part, data=DataSpec((7,)), code_shape=4)
