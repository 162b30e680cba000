"""`decoder-distill`: a generator of any architecture is trained on the decoder's images before adversarial training."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import SHAPE, autoencoder, states_equal
from torch import Tensor
from zoo_transfer.decoder_distill import sample_codes

import zoo
from zoo._utils.seeds import stream
from zoo.data.convert import convert_samples
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.apply import TransferResult
from zoo.types import PartSpec


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=SHAPE)


def distilled(source: Autoencoder, gan: GAN, images: ImageSet, prior: str = "", **settings: Any) -> TransferResult:
    parts: list[Any] = [PartSpec("decoder-distill", {"steps": 60, "batch": 16, "learning_rate": 1e-2, **settings})]
    return zoo.transfer(source, gan, [*parts, prior] if prior else parts, data=images)


def gap(source: Autoencoder, gan: GAN, codes: Tensor, z: Tensor) -> float:
    """How far the generator's images are from the decoder's."""
    with torch.no_grad():
        return (
            (gan.generator.eval()(z) - convert_samples(source.decode(codes), source.data, gan.data)).abs().mean().item()
        )


@pytest.mark.parametrize("arch", ["mlp", "dcgan"])
@pytest.mark.parametrize("prior", ["", "gaussian-prior", "gmm-prior"])
def test_another_generator_makes_the_decoders_images_of_the_same_codes(arch: str, prior: str, images: ImageSet) -> None:
    """In both directions; a prior that is folded into its first layer afterwards changes what z means, not the
    images."""
    source, net = autoencoder(arch), "mlp" if arch == "dcgan" else "dcgan"
    fresh = zoo.gan(net, net, like=source, seed=1)
    before = copy.deepcopy(source)
    transferred = distilled(source, fresh, images, prior)
    codes = source.encode(images.batch(images.train))
    z = codes if transferred.plan.to_latent is None else transferred.plan.to_latent(codes)
    assert gap(source, transferred.gan, codes, z) < 0.5 * gap(source, fresh, codes, codes)
    assert states_equal(source.decoder, before.decoder), "the source is not trained"
    assert states_equal(transferred.gan.discriminator, fresh.discriminator)
    assert {row.origin for row in transferred.report.rows if row.net == "generator"} <= {"fitted", "adapted"}


def test_a_generator_inside_another_one_learns_alone(images: ImageSet) -> None:
    """The miner in front of it starts as it would without: it adds nothing yet."""
    source = autoencoder("mlp")
    fresh = zoo.gan("dcgan", "dcgan", like=source, seed=1)
    alone, mined = distilled(source, fresh, images), distilled(source, fresh, images, "miner")
    assert states_equal(alone.gan.generator, mined.gan.generator.generator)
    z = source.encode(images.batch(images.train))
    assert torch.equal(alone.gan.generate(z), mined.gan.generate(z))


def test_the_same_seed_gives_the_same_generator_and_another_one_another(images: ImageSet) -> None:
    source = autoencoder("mlp")
    gan = zoo.gan("dcgan", "dcgan", like=source, seed=1)
    one, two, other = (distilled(source, gan, images, seed=seed).gan.generator for seed in (0, 0, 1))
    assert states_equal(one, two)
    assert not states_equal(one, other)


@pytest.mark.parametrize("code_shape", [3, 10])
def test_codes_enter_a_generator_of_other_codes_by_their_principal_components(
    code_shape: int, images: ImageSet
) -> None:
    """Scaled to N(0, I), the prior that the GAN keeps; the generator learns to ignore further values."""
    source = autoencoder("mlp")
    fresh = zoo.gan("dcgan", "dcgan", like=source, code_shape=code_shape, seed=1)
    transferred = distilled(source, fresh, images)
    codes = source.encode(images.batch(images.train))
    z = transferred.plan.to_latent(codes)
    used = min(code_shape, source.code_size)
    torch.testing.assert_close(torch.cov(z.T)[:used, :used], torch.eye(used), rtol=0, atol=0.2)  # the ridge
    z[:, used:] = torch.randn(len(z), code_shape - used)
    assert gap(source, transferred.gan, codes, z) < 0.7 * gap(source, fresh, codes, z)


def test_a_larger_coloured_generator_learns_the_decoders_images_as_it_would_show_them(images_file: Path) -> None:
    source = autoencoder("mlp")
    images = open_images(str(images_file), shape=(3, 16, 16))
    fresh = zoo.gan("dcgan", "dcgan", like=source, shape=(3, 16, 16), seed=1)
    transferred = distilled(source, fresh, images)
    codes = source.encode(convert_samples(images.batch(images.train), images.spec, source.data))
    assert gap(source, transferred.gan, codes, codes) < 0.6 * gap(source, fresh, codes, codes)


def test_codes_are_drawn_near_the_images_and_from_their_gaussian() -> None:
    """Half are codes plus a multiple of a difference of others; half have the given mean and covariance."""
    rng = torch.Generator().manual_seed(0)
    codes = torch.tensor([[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    mean, scale = torch.tensor([5.0, -5.0]).double(), torch.tensor([[1.0, 0.0], [0.5, 0.2]]).double()
    samples = sample_codes(codes, mean, scale, 20_001, rng)
    near, gaussian = samples[:10_000], samples[10_000:].double()
    allowed = {round(a + 0.3 * (b - c), 4) for a in (1, 2, 4) for b in (1, 2, 4) for c in (1, 2, 4)}
    assert {round(value, 4) for value in near[:, 0].tolist()} == allowed
    torch.testing.assert_close(gaussian.mean(0), mean, rtol=0, atol=0.05)
    torch.testing.assert_close(torch.cov(gaussian.T), scale @ scale.T, rtol=0, atol=0.05)


def test_long_fits_are_announced_before_they_begin(images: ImageSet) -> None:
    source, messages = autoencoder("mlp"), []
    gan = zoo.gan("dcgan", "dcgan", like=source, seed=1)
    parts = [PartSpec("decoder-distill", {"steps": 2}), PartSpec("gmm-prior", {"components": 2})]
    zoo.transfer(source, gan, parts, data=images, tell=messages.append)
    assert messages == ["before the first step: 2 steps on the decoder's images; mixture of 2 fitted to the codes"]
    zoo.transfer(source, zoo.gan(like=source), "decoder-init", tell=messages.append)
    assert len(messages) == 1, "a copy takes no time"


def test_without_steps_nothing_changes_and_without_images_it_is_refused(images: ImageSet) -> None:
    source = autoencoder("mlp")
    gan = zoo.gan("dcgan", "dcgan", like=source, seed=1)
    assert states_equal(distilled(source, gan, images, steps=0).gan.generator, gan.generator)
    with pytest.raises(TransferError, match="no data was given"):
        zoo.transfer(source, gan, "decoder-distill")


def test_it_learns_by_the_mean_distance_with_a_rate_that_falls_as_a_cosine(images: ImageSet) -> None:
    """Three steps anew: |G(z) - Dec(c)| averaged over values, Adam at 1, 3/4 and 1/4 of the rate."""
    source = autoencoder("mlp")
    fresh = zoo.gan("mlp", "mlp", like=source, seed=1)
    transferred = distilled(source, fresh, images, steps=3, batch=8, learning_rate=4e-3)
    codes = source.encode(images.batch(images.train))
    covariance = torch.cov(codes.double().T) + 1e-4 * torch.eye(6).double()
    rng = stream(0, "decoder-distill")
    generator = copy.deepcopy(fresh.generator).train()
    adam = torch.optim.Adam(generator.parameters(), 4e-3)
    for rate in (4e-3, 3e-3, 1e-3):
        adam.param_groups[0]["lr"] = rate
        code = sample_codes(codes, codes.double().mean(0), torch.linalg.cholesky(covariance), 8, rng)
        difference = generator(code) - source.decode(code).detach()
        adam.zero_grad()
        (difference * difference.sign()).sum().div(difference.numel()).backward()
        adam.step()
    for name, wanted in generator.state_dict().items():
        torch.testing.assert_close(transferred.gan.generator.state_dict()[name], wanted, rtol=1e-4, atol=1e-6)
