"""Composing: parts by name, checked on the meta device, fresh weights from a stream of their own."""

from __future__ import annotations

import pytest
import torch
from helpers import SHAPE, autoencoder, states_equal

import zoo
from zoo.errors import CompositionError, ConfigError, PluginError, UnknownName
from zoo.networks.checks import check_encoder, check_generator
from zoo.types import DataSpec


@pytest.mark.parametrize("encoder", ["mlp", "dcgan"])
@pytest.mark.parametrize("generator", ["mlp", "dcgan"])
def test_any_encoder_goes_with_any_generator(encoder: str, generator: str) -> None:
    model = zoo.autoencoder(encoder, generator, shape=SHAPE, code_shape=6)
    x = torch.rand(3, *SHAPE) * 2 - 1
    assert model.encode(x).shape == (3, 6)
    assert model.reconstruct(x).shape == x.shape
    gan = zoo.gan(generator=generator, discriminator=encoder, shape=SHAPE, code_shape=6)
    assert gan.sample(5).shape == (5, *SHAPE)
    assert gan.score(x).shape == (3,)


def test_a_gan_like_an_autoencoder_has_its_structure_and_not_its_weights() -> None:
    source = autoencoder()
    gan = zoo.gan(like=source)
    shapes = {name: tensor.shape for name, tensor in source.decoder.state_dict().items()}
    assert {name: tensor.shape for name, tensor in gan.generator.state_dict().items()} == shapes
    assert not states_equal(source.decoder, gan.generator)
    assert (gan.data, gan.code_shape) == (source.data, source.code_shape)


def test_each_part_has_a_random_stream_of_its_own() -> None:
    one = zoo.gan("dcgan", "dcgan", shape=SHAPE, code_shape=6, seed=3)
    other = zoo.gan("dcgan", "mlp", shape=SHAPE, code_shape=6, seed=3)
    assert states_equal(one.generator, other.generator)
    assert not states_equal(one.generator, zoo.gan("dcgan", shape=SHAPE, code_shape=6, seed=4).generator)


def test_composing_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    zoo.gan("dcgan", shape=SHAPE, code_shape=6)
    assert torch.equal(torch.rand(3), expected)


def test_sampling_is_the_same_for_the_same_seed_and_restores_every_mode() -> None:
    gan = zoo.gan(like=autoencoder()).train()
    first = gan.sample(70, seed=1)
    assert torch.equal(first, gan.sample(70, seed=1))
    assert not torch.equal(first, gan.sample(70, seed=2))
    assert gan.generator.training


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: zoo.gan("dcgn", shape=SHAPE), UnknownName, "Did you mean dcgan"),
        (lambda: zoo.gan("mlp", "dcgn", shape=SHAPE), UnknownName, "Did you mean dcgan"),
        (lambda: zoo.gan("dcgan", shape=(1, 28, 28)), CompositionError, r"28 px"),
        (lambda: zoo.gan("dcgan"), CompositionError, "no sample shape"),
        (lambda: zoo.gan({"component": "mlp", "config": {"width": 3}}, shape=(4,)), ConfigError, "Did you mean widths"),
        (lambda: zoo.gan({"component": "mlp", "config": {"widths": ["a"]}}, shape=(4,)), ConfigError, "widths"),
        (lambda: zoo.gan({"part": "mlp"}, shape=(4,)), ConfigError, "component"),
        (lambda: zoo.gan("mlp", shape=(4,), code_shape=-1), ConfigError, "code_shape -1"),
        (lambda: zoo.gan("mlp", shape=(4, 4)), ConfigError, "neither"),
        (lambda: zoo.gan("mlp", shape=(4,), data=DataSpec((5,))), CompositionError, "differ"),
        (
            lambda: zoo.autoencoder({"component": "mlp", "config": {"widths": [5]}}, bottleneck="identity", shape=(4,)),
            CompositionError,
            r"embedding of shape \[5\] to a code of shape \[64\]",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_both_values_and_a_way_out(call, error, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=text) as caught:
        call()
    assert caught.value.hint


class _Liar(torch.nn.Module):
    """Declares three channels and gives two."""

    data = DataSpec(SHAPE)
    stage_channels = (3,)
    embedding_shape = (4,)
    code_shape = (6,)
    first = None

    def features(self, x: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        return x.new_zeros(len(x), 4), (x.new_zeros(len(x), 2, 4, 4),)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z.new_zeros(len(z), 3, 8, 8)


def test_a_component_that_breaks_its_own_contract_is_its_plugins_fault() -> None:
    with pytest.raises(PluginError, match=r"stage 0's batch and channels is \(2, 2\), declared \(2, 3\)"):
        check_encoder(_Liar(), DataSpec(SHAPE), "encoder x/liar")
    with pytest.raises(PluginError, match="sample is"):
        check_generator(_Liar(), DataSpec(SHAPE), (6,), "generator x/liar")


def test_the_founding_nets_are_built_layer_by_layer() -> None:
    """Dense(encoding, ReLU) / Dense(encoding, ReLU), Dense(input, sigmoid); Dense(input, sigmoid); Dense(encoding,
    ReLU), Dense(1) with the last sigmoid in the loss."""
    from pathlib import Path

    from torch import nn

    from zoo.training.recipe import read_recipe

    recipe = read_recipe(Path(__file__).parent.parent / "recipes" / "founding.toml")
    assert recipe.autoencoder is not None
    assert recipe.gan is not None
    data = DataSpec((1, 28, 28), 0.0, 1.0)
    section = recipe.autoencoder
    model = zoo.autoencoder(section.encoder, section.decoder, bottleneck=section.bottleneck, code_shape=64, data=data)
    gan = zoo.gan(recipe.gan.generator, recipe.gan.discriminator, code_shape=64, data=data)

    def layers(module: nn.Module) -> list[str]:
        kept = (nn.Linear, nn.ReLU, nn.Sigmoid)
        return [
            f"Dense({part.in_features}, {part.out_features})" if isinstance(part, nn.Linear) else type(part).__name__
            for part in module.modules()
            if isinstance(part, kept)
        ]

    assert layers(model.encoder) == ["Dense(784, 64)", "ReLU"]
    assert layers(model.bottleneck) == []
    assert layers(model.decoder) == ["Dense(64, 64)", "ReLU", "Dense(64, 784)", "Sigmoid"]
    assert layers(gan.generator) == ["Dense(64, 784)", "Sigmoid"]
    assert layers(gan.discriminator) == ["Dense(784, 64)", "ReLU", "Dense(64, 1)"]
