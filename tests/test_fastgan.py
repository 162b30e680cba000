"""zoo-fastgan: its maps and excitations, and a regulariser with networks of its own that are trained with D."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder
from zoo_fastgan.config import DiscriminatorConfig, GeneratorConfig, ReconstructionConfig
from zoo_fastgan.discriminator import FastGANDiscriminator
from zoo_fastgan.generator import FastGANGenerator
from zoo_fastgan.layers import Excitation, Noise
from zoo_fastgan.reconstruction import Reconstruction

import zoo
from zoo.data.open import open_images
from zoo.errors import CompositionError, ConfigError
from zoo.losses.types import StepContext
from zoo.networks.types import DiscriminatorOutput
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec

SMALL = PartSpec("fastgan", {"width": 4})
RECONSTRUCTION = PartSpec("fastgan/reconstruction", {"width": 4})
TRAINING = {"batch": 8, "images": 80, "checkpoint_every": 40, "sample_every": 9_999, "objective": "core/hinge"}


@pytest.mark.parametrize(
    ("shape", "excitations", "logits"),
    [
        ((3, 8, 8), 1, (1,)),
        ((3, 16, 16), 1, (25,)),
        ((3, 32, 32), 1, (25, 25)),
        ((3, 64, 64), 1, (25, 25)),
        ((1, 128, 128), 2, (25, 25)),
        ((3, 256, 256), 3, (25, 25)),
        ((3, 96, 128), 1, (9 * 13, 9 * 13)),
    ],
)
def test_the_maps_have_the_papers_sides(shape: tuple[int, ...], excitations: int, logits: tuple[int, ...]) -> None:
    """4x4 to 64x64, 8x8 to 128x128 and 16x16 to 256x256; D's logits are 5x5 of an 8x8 map, twice."""
    data = DataSpec(shape)
    with torch.device("meta"):
        generator = FastGANGenerator(GeneratorConfig(width=4), data, (6,))
        discriminator = FastGANDiscriminator(DiscriminatorConfig(width=4), data)
        assert generator(torch.empty(2, 6)).shape == (2, *shape)
        found, stages = discriminator.discriminate(torch.empty(2, *shape))
    assert len(generator.excitations) == excitations
    assert discriminator.logit_groups == logits
    assert found.shape == (2, sum(logits))
    sides = [stage.shape[2] for stage in stages]
    assert sides == sorted(sides, reverse=True)
    assert sides.count(min(sides)) == len(logits)


def test_an_excitation_scales_each_channel_by_a_factor_of_the_coarse_map() -> None:
    coarse, fine = torch.randn(2, 3, 4, 4), torch.rand(2, 5, 8, 8) + 1
    factors = Excitation(3, 5).eval()(coarse, fine) / fine
    assert ((factors > 0) & (factors < 1)).all()
    torch.testing.assert_close(factors, factors[:, :, :1, :1].expand_as(factors))
    assert (factors[0] != factors[1]).all()


def test_noise_is_added_in_training_alone_and_is_the_same_for_all_channels() -> None:
    noise, x = Noise(), torch.zeros(2, 3, 4, 4)
    torch.nn.init.ones_(noise.strength)
    added = noise(x)
    assert added.std() > 0.5
    assert torch.equal(added[:, 0], added[:, 2])
    assert torch.equal(noise.eval()(x), x)


def test_wrong_sizes_and_settings_are_refused() -> None:
    for shape in ((1, 27, 28), (7,), (1, 512, 512), (1, 4, 4)):
        with pytest.raises(CompositionError, match="fastgan"):
            FastGANGenerator(GeneratorConfig(), DataSpec(shape), (4,))
    for settings in ({"width": 0}, {"width": 8, "max_width": 4}, {"norm": "layer"}):
        with pytest.raises(ConfigError, match="fastgan"):
            DiscriminatorConfig(**settings)
    for wrong in ({"weight": -1.0}, {"interval": 0}, {"norm": "none"}):
        with pytest.raises(ConfigError, match="fastgan"):
            ReconstructionConfig(**wrong)


def test_the_error_is_that_of_the_whole_image_and_of_the_quarter_at_the_same_place() -> None:
    """With decoders that return their maps: maps that are the augmented image, and the image at half its side."""
    real = torch.rand(6, 1, 8, 8)
    augmented = real * 0.5
    small = torch.nn.functional.interpolate(augmented, (4, 4), mode="bilinear", antialias=True)

    def penalty(large: torch.Tensor, coarse: torch.Tensor) -> float:
        regulariser = Reconstruction(ReconstructionConfig(weight=3.0))
        regulariser.build(DataSpec((1, 8, 8)), ((1, 8, 8), (1, 4, 4)))
        regulariser.decoders = torch.nn.ModuleList([torch.nn.Identity(), torch.nn.Identity()])
        return regulariser.penalty(context_of(real, (large, coarse))).item()

    assert penalty(augmented, small) == pytest.approx(0.0, abs=1e-6)
    assert penalty(augmented, small + 0.25) == pytest.approx(3 * 0.25)
    assert penalty(augmented + 0.5, small) == pytest.approx(3 * 0.5)
    moved = augmented.roll(4, dims=3)  # another quarter at each place
    assert penalty(moved, small) > 0.1


def context_of(real: torch.Tensor, stages: tuple[torch.Tensor, ...]) -> StepContext:
    """A step in which images are augmented to half their values, and D's stages are those."""
    output = DiscriminatorOutput(real.new_zeros(len(real), 1), stages)
    return StepContext(
        real=real,
        fake=real,
        z=real,
        indices=torch.arange(len(real)),
        shown=0,
        discriminate=lambda x: output,
        generate=lambda z: z,
        groups=(1,),
        fake_output=output,
        real_output=output,
        rng=torch.Generator().manual_seed(0),
        augmentation=lambda x: 0.5 * x,
    )


@pytest.mark.parametrize("discriminator", ["fastgan", "dcgan", "r3gan"])
def test_any_discriminator_with_maps_learns_to_hold_the_image(discriminator: str, images_file: Path) -> None:
    """The decoders are trained by D's optimizer, and the error falls."""
    images = open_images(str(images_file), shape=SHAPE)
    gan = zoo.gan("dcgan", PartSpec(discriminator, {"width": 4}), shape=SHAPE, code_shape=6)
    training = AdversarialTraining(batch=16, regulariser=RECONSTRUCTION, discriminator_lr=4e-3, beta1=0.5)
    trainer = GANTrainer(TransferPlan(gan), images, training, 0)
    penalties = [trainer.step(images.train[:16], 16 * i)["penalty"].item() for i in range(25)]
    assert sum(penalties[-3:]) < 0.8 * sum(penalties[:3])


def test_the_decoders_depend_on_the_runs_seed_and_are_trained_only_when_due(images_file: Path) -> None:
    images = open_images(str(images_file), shape=SHAPE)

    def decoders(seed: int, steps: int) -> list[torch.Tensor]:
        part = PartSpec("fastgan/reconstruction", {"width": 4, "interval": 4})
        gan = zoo.gan(SMALL, SMALL, shape=SHAPE, code_shape=6)
        trainer = GANTrainer(TransferPlan(gan), images, AdversarialTraining(batch=8, regulariser=part), seed)
        for i in range(steps):
            trainer.step(images.train[:8], 8 * i)
        assert isinstance(trainer.regulariser, torch.nn.Module)
        return [weight.detach().clone() for weight in trainer.regulariser.parameters()]

    fresh, once, four = decoders(0, 0), decoders(0, 1), decoders(0, 4)
    assert all(torch.equal(a, b) for a, b in zip(fresh, decoders(0, 0), strict=True))
    assert not torch.equal(fresh[0], decoders(1, 0)[0])
    assert not torch.equal(fresh[0], once[0])
    assert all(torch.equal(a, b) for a, b in zip(once, four, strict=True))


def test_a_run_whose_regulariser_has_networks_resumes_bit_for_bit(images_file: Path, tmp_path: Path) -> None:
    gan = zoo.gan(SMALL, SMALL, shape=SHAPE, code_shape=6)
    settings: dict[str, Any] = {**TRAINING, "regulariser": RECONSTRUCTION, "augment": "colour+translation"}
    run = zoo.train(gan, str(images_file), out=tmp_path / "run", training=settings)
    end = run.folder / "checkpoints" / f"{80:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    assert b"modules.regulariser.decoders.0" in whole
    shutil.rmtree(end)
    zoo.resume(run.folder)
    assert (end / "tensors.safetensors").read_bytes() == whole
    release = tmp_path / "release"
    run.release(release, license="CC0-1.0", name="fastgan.tiny")
    assert not any(b"decoders" in path.read_bytes() for path in release.glob("*.safetensors"))


def test_a_discriminator_without_maps_is_refused_before_the_runs_folder_is_written(
    images_file: Path, tmp_path: Path
) -> None:
    gan = zoo.gan(like=autoencoder("mlp"))
    with pytest.raises(CompositionError, match="feature maps of the discriminator"):
        zoo.train(gan, str(images_file), out=tmp_path / "run", training={**TRAINING, "regulariser": RECONSTRUCTION})
    assert not list((tmp_path / "run").glob("*.toml"))
