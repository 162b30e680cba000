"""The convolutional networks of zoo-dcgan: sizes, channels, norms and how they start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from zoo_dcgan.config import EncoderConfig, GeneratorConfig
from zoo_dcgan.encoder import DCGANEncoder
from zoo_dcgan.generator import DCGANGenerator

from zoo.config import from_plain
from zoo.errors import CompositionError, ConfigError
from zoo.types import DataSpec

SIZES = (8, 16, 32, 64, 128, 256)
NORMS = ("none", "batch", "spectral", "group")


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def convolutions(net: nn.Module) -> list[Any]:
    return [part for part in net.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]


# ---------------------------------------------------------------- sizes and channels


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("colours", [1, 3, 5])
def test_every_size_is_halved_to_4x4_and_doubled_back(size: int, colours: int) -> None:
    """Stage i has a side of size / 2^(i+1), the last one 4x4; the generator ends at the data's shape."""
    data = DataSpec((colours, size, size))
    with torch.device("meta"):
        embedding, stages = DCGANEncoder(EncoderConfig(2), data).eval().features(torch.empty(2, *data.shape))
        image = DCGANGenerator(GeneratorConfig(2), data, (3,)).eval()(torch.empty(2, 3))
    assert [stage.shape[2] for stage in stages] == [size >> i + 1 for i in range(len(stages))]
    assert stages[-1].shape[2:] == (4, 4)
    assert embedding.shape == (2, stages[-1].shape[1] * 16)
    assert image.shape == (2, *data.shape)


def test_channels_double_up_to_eight_times_the_width() -> None:
    """w, 2w, 4w, 8w, 8w, 8w at 256 px."""
    with torch.device("meta"):
        net = DCGANEncoder(EncoderConfig(16), DataSpec((3, 256, 256)))
    assert net.stage_channels == (16, 32, 64, 128, 128, 128)


def test_max_width_caps_both_networks_alike() -> None:
    """The generator's channels are the encoder's in reverse, whatever the cap."""
    data = DataSpec((3, 64, 64))
    encoder = DCGANEncoder(EncoderConfig(4, max_width=10), data)
    generator = DCGANGenerator(GeneratorConfig(4, max_width=10), data, (3,))
    assert encoder.stage_channels == (4, 8, 10, 10)
    assert [part.weight.shape[0] for part in convolutions(generator)] == [10, 10, 8, 4]


def test_embedding_is_the_flattened_last_stage() -> None:
    """So that a head on it is DCGAN's last convolution."""
    net = DCGANEncoder(EncoderConfig(4), DataSpec((1, 16, 16)))
    embedding, stages = net.features(torch.randn(2, 1, 16, 16))
    assert torch.equal(embedding, stages[-1].flatten(1))


@pytest.mark.parametrize(
    ("shape", "asked", "side", "how"),
    [
        ((1, 28, 28), "28 px", 32, "padded"),
        ((3, 4, 4), "4 px", 8, "padded"),
        ((3, 300, 300), "300 px", 256, "scaled down"),
        ((3, 48, 64), "48 x 64 px", 64, "padded"),
        ((3, 64, 32), "64 x 32 px", 64, "padded"),
        ((3, 32, 512), "32 x 512 px", 256, "scaled down"),
    ],
)
@pytest.mark.parametrize("factory", [DCGANEncoder, DCGANGenerator])
def test_refused_image_names_both_sizes_and_a_shape_that_fits(
    factory: Any, shape: tuple[int, ...], asked: str, side: int, how: str
) -> None:
    """The error names what there is and what was asked; the shape in its hint holds the image and can be built."""
    config, extra = (EncoderConfig(2), ()) if factory is DCGANEncoder else (GeneratorConfig(2), ((3,),))
    with pytest.raises(CompositionError) as caught:
        factory(config, DataSpec(shape), *extra)
    assert "8, 16, 32, 64, 128 or 256 px" in caught.value.message
    assert f"asked: {asked}" in caught.value.message
    assert f"Give shape ({shape[0]}, {side}, {side})" in caught.value.hint
    assert how in caught.value.hint
    with torch.device("meta"):
        factory(config, DataSpec((shape[0], side, side)), *extra)


def test_hint_for_28_px_says_that_images_are_padded() -> None:
    """The commonest case of all, MNIST."""
    with pytest.raises(CompositionError) as caught:
        DCGANGenerator(GeneratorConfig(), DataSpec((1, 28, 28)), (64,))
    assert caught.value.message == "dcgan makes 8, 16, 32, 64, 128 or 256 px images; asked: 28 px"
    assert caught.value.hint == 'Give shape (1, 32, 32): 28 px images are then padded (prepare="pad").'


def test_vectors_are_sent_to_the_mlp() -> None:
    """There is no picture in a vector; the hint names the component that takes it."""
    with pytest.raises(CompositionError, match="vectors of 784 values") as caught:
        DCGANEncoder(EncoderConfig(), DataSpec((784,)))
    assert "mlp" in caught.value.hint


# ---------------------------------------------------------------- norms


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_first_convolution_of_the_encoder_is_not_normalised(norm: Any) -> None:
    """DCGAN keeps colour statistics: every stage but the first has a norm layer."""
    net = DCGANEncoder(EncoderConfig(8, norm=norm), DataSpec((3, 32, 32)))
    kinds = [any(isinstance(part, nn.BatchNorm2d | nn.GroupNorm) for part in stage.modules()) for stage in net.stages]
    assert kinds == [False, True, True]


def test_spectral_norm_sits_on_every_convolution_of_the_encoder() -> None:
    """Miyato et al. bound every layer, the first one too."""
    net = DCGANEncoder(EncoderConfig(4, norm="spectral"), DataSpec((3, 32, 32)))
    assert [is_parametrized(part) for part in convolutions(net)] == [True, True, True]


@pytest.mark.parametrize("upsample", ["transposed", "nearest"])
def test_ends_of_a_spectral_generator_stay_plain(upsample: Any) -> None:
    """`first` takes a folded prior and `last` a change of value range, so neither is normalised."""
    config = GeneratorConfig(4, norm="spectral", upsample=upsample)
    net = DCGANGenerator(config, DataSpec((3, 32, 32)), (5,))
    assert type(net.first) is nn.Linear
    assert [is_parametrized(part) for part in convolutions(net)] == [True, True, False]


@pytest.mark.parametrize("width", range(1, 41))
def test_group_norm_divides_any_width(width: int) -> None:
    """At most eight groups, four channels or more in each unless there is only one."""
    with torch.device("meta"):
        net = DCGANGenerator(GeneratorConfig(width, norm="group"), DataSpec((1, 8, 8)), (2,))
    (norm,) = (part for part in net.modules() if isinstance(part, nn.GroupNorm))
    assert width % norm.num_groups == 0
    assert norm.num_groups <= 8
    assert norm.num_groups == 1 or width // norm.num_groups >= 4
    if width == 32:
        assert norm.num_groups == 8


def test_slope_is_used_by_every_stage() -> None:
    """With a slope of 1 the encoder is linear, with 0 nothing is negative."""
    data, x = DataSpec((1, 16, 16)), torch.randn(2, 1, 16, 16)
    linear = DCGANEncoder(EncoderConfig(4, slope=1.0), data)
    torch.testing.assert_close(linear(2 * x), 2 * linear(x), rtol=1e-4, atol=1e-5)
    assert all((stage >= 0).all() for stage in DCGANEncoder(EncoderConfig(4, slope=0.0), data).features(x).stages)


def test_activation_of_the_generator_is_the_one_asked_for() -> None:
    """Only leaky_relu lets negative values through to the last layer."""
    lowest = {}
    for activation in ("relu", "leaky_relu"):
        net = DCGANGenerator(GeneratorConfig(4, activation=activation), DataSpec((1, 16, 16)), (3,))
        inputs: list[Tensor] = []
        net.last.register_forward_pre_hook(lambda _, given, inputs=inputs: inputs.append(given[0]))
        net(torch.randn(4, 3))
        lowest[activation] = inputs[0].min()
    assert lowest["relu"] == 0.0
    assert lowest["leaky_relu"] < 0.0


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (-0.3, 2.1)])
def test_images_reach_both_ends_of_the_range(low: float, high: float) -> None:
    """A large last layer saturates the output at exactly low and high."""
    net: Any = DCGANGenerator(GeneratorConfig(4, norm="none"), DataSpec((1, 16, 16), low, high), (5,))
    with torch.no_grad():
        net.last.conv.weight *= 1e5
        x = net(torch.randn(4, 5))
    assert (x.min(), x.max()) == (torch.tensor(low), torch.tensor(high))


# ---------------------------------------------------------------- how they start


@pytest.mark.parametrize("upsample", ["transposed", "nearest"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("size", [8, 32, 128])
def test_fresh_images_differ_and_are_not_flat(size: int, norm: Any, upsample: Any) -> None:
    """A fresh generator's images vary over space and from code to code, and do not saturate."""
    config = GeneratorConfig(8, norm=norm, upsample=upsample)
    net = DCGANGenerator(config, DataSpec((1, size, size)), (64,))
    with torch.no_grad():
        x = net(torch.randn(8, 64))
    # DCGAN's own start, with a standard deviation of 0.02 in the last layer, is faint by design.
    least = 0.02 if norm == "batch" else 0.1
    assert least < x.std().item() < 0.8
    assert x.std(0).mean().item() > least


@pytest.mark.parametrize(("norm", "least"), [("none", 0.2), ("batch", 0.2), ("group", 0.2), ("spectral", 0.005)])
@pytest.mark.parametrize("size", [8, 32, 128])
def test_fresh_embeddings_tell_samples_apart(size: int, norm: Any, least: float) -> None:
    """Signal reaches the embedding at any depth; a spectral norm, which only shrinks, keeps some."""
    net = DCGANEncoder(EncoderConfig(8, norm=norm), DataSpec((1, size, size)))
    with torch.no_grad():
        embedding = net(torch.rand(16, 1, size, size) * 2 - 1)
    assert least < embedding.std(0).mean().item() < 2.0


def test_batch_normalised_generator_starts_as_dcgan_does() -> None:
    """Weights N(0, 0.02), norm weights N(1, 0.02), biases zero."""
    net = DCGANGenerator(GeneratorConfig(32, norm="batch"), DataSpec((1, 32, 32)), (64,))
    for part in net.modules():
        if isinstance(part, nn.Linear | nn.ConvTranspose2d):
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.1)
        if isinstance(part, nn.BatchNorm2d):
            assert part.weight.mean().item() == pytest.approx(1.0, abs=0.02)
            assert part.weight.std().item() == pytest.approx(0.02, rel=0.5)
        bias = getattr(part, "bias", None)
        assert bias is None or not bias.any()


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("cls", "settings", "named"),
    [
        (EncoderConfig, {"width": 0}, "width 0"),
        (EncoderConfig, {"width": 10_000}, "width 10000"),
        (EncoderConfig, {"width": 8, "max_width": 4}, "max_width 4 is below width 8"),
        (EncoderConfig, {"slope": -0.1}, "slope -0.1"),
        (EncoderConfig, {"slope": float("nan")}, "slope nan"),
        (EncoderConfig, {"norm": "layer"}, "norm"),
        (EncoderConfig, {"upsample": "nearest"}, "upsample"),
        (GeneratorConfig, {"width": -1}, "width -1"),
        (GeneratorConfig, {"max_width": 0}, "max_width 0"),
        (GeneratorConfig, {"upsample": "bilinear"}, "upsample"),
        (GeneratorConfig, {"activation": "tanh"}, "activation"),
        (GeneratorConfig, {"width": "8"}, "width"),
        (GeneratorConfig, {"width": 8.5}, "width"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(cls: Any, settings: dict[str, Any], named: str) -> None:
    """Settings of a manifest or a flag that make no network are a ConfigError that names them."""
    with pytest.raises(ConfigError) as caught:
        from_plain(cls, settings, "dcgan/dcgan")
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (EncoderConfig, {"norm": "layer"}),
        (EncoderConfig, {"width": True}),
        (EncoderConfig, {"slope": True}),
        (GeneratorConfig, {"norm": "layer"}),
        (GeneratorConfig, {"upsample": "bilinear"}),
        (GeneratorConfig, {"activation": "tanh"}),
    ],
)
def test_settings_given_in_code_are_checked_as_well(cls: Any, settings: dict[str, Any]) -> None:
    """The dataclass itself refuses what plain data may not hold."""
    with pytest.raises(ConfigError):
        cls(**settings)
