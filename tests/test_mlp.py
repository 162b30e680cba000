"""The dense networks of zoo-mlp, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn
from zoo_mlp.config import EncoderConfig, GeneratorConfig
from zoo_mlp.encoder import MLPEncoder
from zoo_mlp.generator import MLPGenerator

from zoo.config import from_plain
from zoo.errors import ConfigError
from zoo.types import DataSpec

UNIT = DataSpec((1, 28, 28), low=0.0, high=1.0)
ENCODING = 32


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def leaves(net: nn.Module) -> list[str]:
    """The layers in the order in which they run."""
    return [type(part).__name__ for part in net.modules() if not list(part.children()) and part is not net]


def shapes(net: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(parameter.shape) for parameter in net.parameters()]


# ---------------------------------------------------------------- the dense AE-GAN nets of 2023


def test_founding_encoder_is_one_relu_layer() -> None:
    """Dense(encoding, ReLU), the autoencoder's encoder and the body of its discriminator."""
    net = MLPEncoder(EncoderConfig((ENCODING,), "relu"), UNIT)
    assert leaves(net) == ["Linear", "ReLU"]
    weight, bias = net.parameters()
    assert (weight.shape, bias.shape) == ((ENCODING, 784), (ENCODING,))
    x = torch.rand(3, 1, 28, 28)
    assert torch.equal(net(x), torch.relu(nn.functional.linear(x.flatten(1), weight, bias)))
    assert (net.embedding_shape, net.stage_channels) == ((ENCODING,), (ENCODING,))


def test_founding_decoder_is_a_relu_layer_and_a_sigmoid_layer() -> None:
    """Dense(encoding, ReLU), Dense(input, sigmoid) on data in [0, 1]."""
    net = MLPGenerator(GeneratorConfig((ENCODING,), "relu"), UNIT, (ENCODING,))
    assert leaves(net) == ["Linear", "ReLU", "Linear", "Sigmoid"]
    assert shapes(net) == [(ENCODING, ENCODING), (ENCODING,), (784, ENCODING), (784,)]
    w1, b1, w2, b2 = net.parameters()
    z = torch.randn(3, ENCODING)
    hidden = torch.relu(nn.functional.linear(z, w1, b1))
    expected = torch.sigmoid(nn.functional.linear(hidden, w2, b2)).reshape(3, 1, 28, 28)
    assert torch.equal(net(z), expected)


def test_founding_generator_is_one_sigmoid_layer() -> None:
    """Dense(input, sigmoid) straight from a code of size encoding; that one layer is `first`."""
    net = MLPGenerator(GeneratorConfig(()), UNIT, (ENCODING,))
    assert leaves(net) == ["Linear", "Sequential", "Sigmoid"]  # the Sequential is empty
    assert shapes(net) == [(784, ENCODING), (784,)]
    z = torch.randn(3, ENCODING)
    assert net.first is not None
    assert torch.equal(net(z), torch.sigmoid(net.first(z)).reshape(3, 1, 28, 28))


# ---------------------------------------------------------------- structure


def test_stages_are_the_hidden_activations() -> None:
    """Each stage feeds the next layer, and the last one is the embedding."""
    net = MLPEncoder(EncoderConfig((9, 6, 4)), UNIT)
    embedding, stages = net.features(torch.rand(2, 1, 28, 28))
    assert [stage.shape for stage in stages] == [(2, 9), (2, 6), (2, 4)]
    assert torch.equal(net.layers[1](stages[0]), stages[1])
    assert torch.equal(stages[2], embedding)


def test_sample_shape_is_only_a_view() -> None:
    """An image and the vector of its values give the same embedding."""
    torch.manual_seed(0)
    image = MLPEncoder(EncoderConfig((6,)), DataSpec((3, 4, 5)))
    torch.manual_seed(0)
    vector = MLPEncoder(EncoderConfig((6,)), DataSpec((60,)))
    x = torch.randn(2, 3, 4, 5)
    assert torch.equal(image(x), vector(x.flatten(1)))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-1.0, 1.0, torch.tanh),
        (0.0, 1.0, torch.sigmoid),
        (2.0, 5.0, lambda u: 2 + 3 * torch.sigmoid(u)),
    ],
)
def test_output_activation_fits_the_range(low: float, high: float, expected: Any) -> None:
    """tanh for [-1, 1], sigmoid for [0, 1], else a scaled sigmoid; both ends are reached."""
    net = MLPGenerator(GeneratorConfig(()), DataSpec((50,), low, high), (4,))
    z = torch.randn(8, 4)
    assert net.first is not None
    assert torch.equal(net(z), expected(net.first(z)))
    far = net(z * 1e4)
    assert (far.min(), far.max()) == (low, high)


@pytest.mark.parametrize("widths", [(8,), (8, 6)])
def test_spectral_entry_layer_cannot_be_folded(widths: tuple[int, ...]) -> None:
    """Under a spectral norm `first` is None, as it would undo a fold; a lone output layer is plain."""
    assert MLPGenerator(GeneratorConfig(widths, norm="spectral"), UNIT, (4,)).first is None
    assert MLPGenerator(GeneratorConfig((), norm="spectral"), UNIT, (4,)).first is not None


def test_spectral_layers_have_norm_one() -> None:
    """Each hidden layer's largest singular value is 1 after a few passes; the output layer keeps its own."""
    net = MLPGenerator(GeneratorConfig((8, 6), norm="spectral"), UNIT, (4,))
    for _ in range(50):
        net(torch.randn(4, 4))
    linears = [part for part in net.modules() if isinstance(part, nn.Linear)]
    norms = [torch.linalg.matrix_norm(part.weight.detach(), 2).item() for part in linears]
    assert norms[:2] == pytest.approx([1.0, 1.0], abs=1e-3)
    assert norms[2] > 1.5


def test_batch_norm_takes_the_place_of_biases_but_not_of_the_entry_bias() -> None:
    """A bias that the normalisation subtracts is left out; a folded prior's mean needs the entry's."""
    encoder = MLPEncoder(EncoderConfig((8, 6), norm="batch"), UNIT)
    generator = MLPGenerator(GeneratorConfig((8, 6), norm="batch"), UNIT, (4,))
    assert [m.bias is None for m in encoder.modules() if isinstance(m, nn.Linear)] == [True, True]
    assert [m.bias is None for m in generator.modules() if isinstance(m, nn.Linear)] == [False, True, False]


def test_dropout_acts_in_training_mode_only() -> None:
    """Two passes differ while training and agree bit for bit in eval mode."""
    net = MLPEncoder(EncoderConfig((64,), dropout=0.5), UNIT)
    x = torch.rand(2, 1, 28, 28)
    assert not torch.equal(net.train()(x), net(x))
    assert torch.equal(net.eval()(x), net(x))


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "gelu", "silu"])
def test_signal_neither_fades_nor_explodes_with_depth(activation: Any, norm: Any) -> None:
    """Through eight fresh layers the root mean square stays within a factor of five."""
    torch.manual_seed(0)
    net = MLPEncoder(EncoderConfig((128,) * 8, activation, norm), DataSpec((128,)))
    stages = net.features(torch.randn(64, 128)).stages
    first, last = (stage.square().mean().sqrt().item() for stage in (stages[0], stages[-1]))
    assert 0.2 < last / first < 5.0


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize("cls", [EncoderConfig, GeneratorConfig])
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"widths": [0]}, "width 0"),
        ({"widths": [70_000]}, "width 70000"),
        ({"widths": [8] * 65}, "65 layers"),
        ({"dropout": 1.0}, "dropout 1.0"),
        ({"dropout": float("nan")}, "dropout nan"),
        ({"dropout": -0.1}, "dropout -0.1"),
        ({"activation": "rleu"}, "activation"),
        ({"norm": "group"}, "norm"),
        ({"width": 8}, "width"),
        ({"widths": ["8"]}, "widths"),
        ({"widths": 8}, "widths"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(cls: Any, settings: dict[str, Any], named: str) -> None:
    """Settings of a manifest or a flag that make no network are a ConfigError that names them."""
    with pytest.raises(ConfigError) as caught:
        from_plain(cls, settings, "encoder mlp/mlp")
    assert named in caught.value.message


@pytest.mark.parametrize("cls", [EncoderConfig, GeneratorConfig])
@pytest.mark.parametrize(
    "settings",
    [{"widths": [True]}, {"widths": "8"}, {"activation": "elu"}, {"norm": "group"}, {"dropout": True}],
)
def test_settings_given_in_code_are_checked_as_well(cls: Any, settings: dict[str, Any]) -> None:
    """The dataclass itself refuses what plain data may not hold."""
    with pytest.raises(ConfigError):
        cls(**settings)


def test_encoder_without_layers_is_refused() -> None:
    """An encoder needs a layer to be an embedding; the hint says so."""
    with pytest.raises(ConfigError, match="no embedding") as caught:
        EncoderConfig(())
    assert "one width" in caught.value.hint


def test_widths_may_come_as_a_list() -> None:
    """TOML and JSON have lists only; the config holds a tuple and stays hashable."""
    config = from_plain(EncoderConfig, {"widths": [8, 4]}, "encoder mlp/mlp")
    assert config.widths == (8, 4)
    assert hash(config) == hash(EncoderConfig([8, 4]))  # type: ignore[arg-type]
