"""The residual networks of zoo-r3gan: how they start and what they can be asked for."""

from __future__ import annotations

import pytest
import torch
from zoo_r3gan.config import ResidualConfig
from zoo_r3gan.encoder import R3GANEncoder
from zoo_r3gan.generator import R3GANGenerator
from zoo_r3gan.layers import Resample, ResidualBlock

from zoo.errors import CompositionError, ConfigError
from zoo.types import DataSpec


def test_a_fresh_block_is_the_identity() -> None:
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(ResidualBlock(8, ResidualConfig(), depth=4)(x), x)


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256])
def test_every_size_composes_with_a_stage_a_resolution(size: int) -> None:
    data = DataSpec((3, size, size))
    with torch.device("meta"):
        encoder = R3GANEncoder(ResidualConfig(width=4), data)
        generator = R3GANGenerator(ResidualConfig(width=4), data, (5,))
        stages = encoder.features(torch.empty(2, 3, size, size)).stages
        assert generator(torch.empty(2, 5)).shape == (2, 3, size, size)
    assert [stage.shape[-1] for stage in stages] == [size >> i for i in range(len(stages))]
    assert stages[-1].shape[-1] == 4


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 96), (32, 18, 18), (4, 16, 24)])
def test_sides_that_are_no_powers_of_two_begin_at_another_base(shape: tuple[int, int, int]) -> None:
    data = DataSpec(shape, kind="image" if shape[0] in (1, 3) else "code")
    with torch.device("meta"):
        assert R3GANGenerator(ResidualConfig(width=4), data, (5,))(torch.empty(2, 5)).shape == (2, *shape)
        encoder = R3GANEncoder(ResidualConfig(width=4), data)
        assert encoder(torch.empty(2, *shape)).shape == (2, *encoder.embedding_shape)


def test_resampling_is_the_bilinear_filter() -> None:
    """An impulse spreads as (1, 3, 3, 1) / 4 when doubled, and halving weighs by (1, 3, 3, 1) / 8."""
    x = torch.zeros(1, 1, 8, 8)
    x[..., 3, 3] = 1.0
    up = Resample(1, 1, 2.0)(x)[0, 0]
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0])
    torch.testing.assert_close(up[5:9, 5:9], torch.outer(weights, weights) / 16)
    down = Resample(1, 1, 0.5)(x)[0, 0]
    torch.testing.assert_close(down[1, 1], torch.tensor(9.0 / 64))
    torch.testing.assert_close(down.sum(), torch.tensor(16.0 / 64))


def test_the_signal_keeps_its_size_through_a_deep_net() -> None:
    """Without normalisation a fresh net neither fades nor explodes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        data = DataSpec((3, 64, 64))
        x = R3GANGenerator(ResidualConfig(width=8, blocks=4), data, (32,))(torch.randn(32, 32))
        stages = R3GANEncoder(ResidualConfig(width=8, blocks=4), data).features(torch.randn(8, 3, 64, 64)).stages
    assert 0.2 < float(x.detach().std()) < 0.9
    assert all(0.05 < float(stage.std()) < 5 for stage in stages)


def test_wrong_sizes_and_settings_are_refused() -> None:
    for shape in ((1, 27, 28), (1, 34, 64), (7,), (1, 512, 512), (1, 4, 4)):
        with pytest.raises(CompositionError, match="r3gan"):
            R3GANEncoder(ResidualConfig(), DataSpec(shape))
    for settings in ({"width": 0}, {"blocks": 1000}, {"group": 0}, {"width": 8, "max_width": 4}):
        with pytest.raises(ConfigError, match="r3gan"):
            ResidualConfig(**settings)
