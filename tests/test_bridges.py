"""Bridges: how an autoencoder's weights enter a GAN of another shape, each with its exactness."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder
from PIL import Image
from torch import Tensor
from zoo_transfer.gaussian_prior import principal_components

import zoo
from zoo.data.convert import convert_samples
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.transfers.apply import TransferResult, explain
from zoo.types import DataSpec, PartSpec

WIDTHS: dict[str, dict[str, Any]] = {
    "mlp": {"encoder": [24, 16], "generator": [16, 24], "wide_encoder": [48, 40], "wide_generator": [40, 48]},
    "dcgan": {},
}


def make(
    arch: str, shape: tuple[int, ...], *, wide: bool = False, low: float = -1.0, norm: str = "none"
) -> Autoencoder:
    data = DataSpec(shape, low, 1.0)
    if arch == "mlp":
        sizes = WIDTHS["mlp"]
        prefix = "wide_" if wide else ""
        encoder = PartSpec("mlp", {"widths": sizes[f"{prefix}encoder"], "norm": norm})
        generator = PartSpec("mlp", {"widths": sizes[f"{prefix}generator"], "norm": norm})
    else:
        encoder = generator = PartSpec("dcgan", {"width": 8 if wide else 4, "norm": norm})
    made = zoo.autoencoder(encoder, generator, data=data, code_shape=6, seed=3)
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in made.parameters():  # fresh biases are 0: no bridge could get them wrong
            weight += 0.1 * torch.randn(weight.shape, generator=rng)
    return made


def move(source: Autoencoder, like: Autoencoder, strategy: str = "decoder-init+encoder-init") -> TransferResult:
    gan = zoo.gan(like.specs["decoder"], like.specs["encoder"], data=like.data, code_shape=6, seed=1)
    return zoo.transfer(source, gan, strategy)


def bridges(transferred: TransferResult, net: str) -> set[str]:
    return {
        name for row in transferred.report.rows if row.net == net and row.origin == "adapted" for name in named(row.how)
    }


def named(how: str) -> list[str]:
    return how.partition(":")[0].split(", ")


def codes() -> Tensor:
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


def samples(shape: tuple[int, ...], low: float = -1.0) -> Tensor:
    return low + (1 - low) * torch.rand(5, *shape, generator=torch.Generator().manual_seed(1))


both = pytest.mark.parametrize("arch", ["mlp", "dcgan"])


@both
@pytest.mark.parametrize("lows", [(0.0, -1.0), (-1.0, 0.0)])
def test_sigmoid_and_tanh_are_exchanged_by_halving_or_doubling(arch: str, lows: tuple[float, float]) -> None:
    """2 sigmoid(u) - 1 = tanh(u / 2): the same image in the other value range, to 1e-6."""
    source, target = make(arch, (1, 8, 8), low=lows[0]), make(arch, (1, 8, 8), low=lows[1])
    transferred = move(source, target, "decoder-init")
    expected = convert_samples(source.decode(codes()), source.data, target.data)
    torch.testing.assert_close(transferred.gan.generate(codes()), expected, rtol=0, atol=1e-6)
    assert bridges(transferred, "generator") == {"value range"}


def test_the_value_range_enters_an_encoder_exactly_where_no_padding_is(images_file: Path) -> None:
    """An mlp reads the shifted image as it read the old one; a convolution differs at its border alone."""
    source, target = make("mlp", (1, 8, 8), low=0.0), make("mlp", (1, 8, 8), low=-1.0)
    trunk = move(source, target, "encoder-init").gan.discriminator.encoder
    x = samples((1, 8, 8), 0.0)
    torch.testing.assert_close(
        trunk(convert_samples(x, source.data, target.data)), source.encoder(x), rtol=1e-5, atol=1e-5
    )
    source, target = make("dcgan", (1, 16, 16), low=0.0), make("dcgan", (1, 16, 16), low=-1.0)
    trunk = move(source, target, "encoder-init").gan.discriminator.encoder
    x = samples((1, 16, 16), 0.0)
    ours = trunk.features(convert_samples(x, source.data, target.data)).stages[0][:, :, 1:-1, 1:-1]
    torch.testing.assert_close(ours, source.encoder.features(x).stages[0][:, :, 1:-1, 1:-1], rtol=1e-5, atol=1e-5)


@both
def test_a_grey_autoencoder_makes_and_reads_grey_images_in_colour(arch: str) -> None:
    """Three equal channels come out, and three equal channels are read like the one."""
    source, target = make(arch, (1, 8, 8)), make(arch, (3, 8, 8))
    transferred = move(source, target)
    images = transferred.gan.generate(codes())
    torch.testing.assert_close(images, source.decode(codes()).expand(-1, 3, -1, -1), rtol=0, atol=1e-6)
    x = samples((1, 8, 8))
    ours = transferred.gan.discriminator.encoder(x.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours, source.encoder(x), rtol=1e-5, atol=1e-5)
    assert bridges(transferred, "discriminator") == {"channels 1 to 3"}


@both
def test_a_colour_autoencoder_reads_grey_images_as_if_repeated(arch: str) -> None:
    """Folding the input's channels is exact for grey images."""
    source, target = make(arch, (3, 8, 8)), make(arch, (1, 8, 8))
    x = samples((1, 8, 8))
    ours = move(source, target, "encoder-init").gan.discriminator.encoder(x)
    torch.testing.assert_close(ours, source.encoder(x.expand(-1, 3, -1, -1)), rtol=1e-5, atol=1e-5)


@both
def test_a_colour_autoencoder_that_makes_grey_images_makes_them_in_grey(arch: str) -> None:
    """The mean over the last layer's three channels; exact where they are equal."""
    source, target = make(arch, (3, 8, 8)), make(arch, (1, 8, 8))
    last = source.decoder.last.conv if arch == "dcgan" else source.decoder.rest[-1]
    with torch.no_grad():
        out = 1 if isinstance(last, torch.nn.ConvTranspose2d) else 0
        for tensor in (last.weight.movedim(out, 0), last.bias):
            channels = tensor.unflatten(0, (3, -1))  # the mlp's rows are channels with their places
            channels[1:] = channels[:1].clone()
    images = source.decode(codes())
    assert torch.equal(images[:, 0], images[:, 2])
    transferred = move(source, target, "decoder-init")
    torch.testing.assert_close(transferred.gan.generate(codes()), images[:, :1], rtol=0, atol=1e-6)
    assert bridges(transferred, "generator") == {"channels 3 to 1"}


@both
def test_a_wider_net_computes_the_same_function(arch: str) -> None:
    """Net2Wider: the images are the same to float rounding, whatever the factor (2 and 2.5 in the mlp)."""
    source, target = make(arch, (1, 16, 16)), make(arch, (1, 16, 16), wide=True)
    transferred = move(source, target)
    torch.testing.assert_close(transferred.gan.generate(codes()), source.decode(codes()), rtol=0, atol=1e-5)
    assert "net2wider" in bridges(transferred, "generator")
    x = samples((1, 16, 16))
    ours, theirs = transferred.gan.discriminator.encoder.features(x).stages, source.encoder.features(x).stages
    for wide, narrow in zip(ours, theirs, strict=True):
        index = [j * narrow.shape[1] // wide.shape[1] for j in range(wide.shape[1])]
        torch.testing.assert_close(wide, narrow[:, index], rtol=1e-4, atol=1e-5)


@both
def test_batch_normalised_nets_widen_too(arch: str) -> None:
    """Each copy of a channel takes its statistics and its affine along."""
    source, target = make(arch, (1, 16, 16), norm="batch"), make(arch, (1, 16, 16), wide=True, norm="batch")
    source.train()
    for _ in range(3):
        source.decoder(torch.randn(16, 6))
    source.eval()
    transferred = move(source, target, "decoder-init")
    torch.testing.assert_close(transferred.gan.generate(codes()), source.decode(codes()), rtol=0, atol=1e-5)


def test_a_larger_image_keeps_the_fine_layers_and_says_which_are_fresh() -> None:
    """From 16 to 32 px the layers next to the image are carried over, the new one is fresh, all of it listed."""
    source, target = make("dcgan", (1, 16, 16)), make("dcgan", (1, 32, 32))
    transferred = move(source, target)
    assert torch.equal(transferred.gan.generator.last.conv.weight, source.decoder.last.conv.weight)
    assert torch.equal(transferred.gan.discriminator.encoder.stages[0][0].weight, source.encoder.stages[0][0].weight)
    origins = {row.tensor: row.origin for row in transferred.report.rows if row.net == "discriminator"}
    assert origins["encoder.stages.2.0.weight"] == "fresh"
    assert "add-layers" in bridges(transferred, "discriminator")


def test_a_smaller_image_drops_layers() -> None:
    source, target = make("dcgan", (1, 32, 32)), make("dcgan", (1, 16, 16))
    transferred = move(source, target, "encoder-init")
    for i in range(2):
        ours = transferred.gan.discriminator.encoder.stages[i][0].weight
        assert torch.equal(ours, source.encoder.stages[i][0].weight)
    assert "drop-layers" in bridges(transferred, "discriminator")


@pytest.mark.parametrize(("source", "target"), [("mlp", "dcgan"), ("dcgan", "mlp")])
def test_what_no_bridge_reaches_is_refused_with_the_way_on(source: str, target: str) -> None:
    """Another architecture: the error names both nets' layers and offers distillation, on the meta device already."""
    ours, theirs = make(source, (1, 8, 8)), make(target, (1, 8, 8))
    gan = zoo.gan(theirs.specs["decoder"], theirs.specs["encoder"], like=ours, device="meta")
    for strategy in ("decoder-init", "encoder-init"):
        with pytest.raises(TransferError, match="do not fit") as caught:
            explain(ours, gan, strategy)
        assert "feature-distill" in caught.value.hint


def test_a_narrower_net_is_refused() -> None:
    with pytest.raises(TransferError):
        move(make("dcgan", (1, 16, 16), wide=True), make("dcgan", (1, 16, 16)))


@pytest.mark.parametrize("strategy", ["feature-concat", "projected-heads", "energy", "latent-gan"])
def test_the_autoencoders_own_nets_refuse_other_samples(strategy: str, images_file: Path) -> None:
    """They are put into the GAN as they are: the error names both shapes."""
    source, target = make("dcgan", (1, 8, 8)), make("dcgan", (3, 8, 8))
    gan = zoo.gan(target.specs["decoder"], target.specs["encoder"], data=target.data, code_shape=6)
    with pytest.raises(TransferError, match=r"\[1, 8, 8\].*\[3, 8, 8\]"):
        explain(source, gan, strategy)


@pytest.mark.parametrize(
    "strategy", ["recon-anchor", "feature-moments", "denoising-features", "feature-distill", "gaussian-prior"]
)
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 16, 16)])
def test_teachers_look_at_other_samples_through_a_fit(
    strategy: str, shape: tuple[int, ...], images_file: Path, tmp_path: Path
) -> None:
    """A grey 8 px autoencoder teaches a GAN of colour, or of 16 px; a run of it resumes."""
    source, target = autoencoder("dcgan"), make("dcgan", shape)
    gan = zoo.gan(target.specs["decoder"], target.specs["encoder"], data=target.data, code_shape=6, seed=1)
    images = open_images(str(images_file), shape=shape)
    config = {"steps": 5, "width": 8} if strategy == "denoising-features" else {}
    transferred = zoo.transfer(source, gan, [PartSpec(strategy, config)], data=images)
    settings = {"batch": 8, "checkpoint_every": 99, "sample_every": 99}
    run = zoo.train(transferred, images, out=tmp_path / "run", images=24, training=settings)
    assert run.gan.sample(2).shape == (2, *shape)
    assert zoo.open_run(tmp_path / "run").shown == 24


def test_refitting_is_exact_where_nothing_is_lost() -> None:
    """Range and channels go there and back; an equal spec gives the tensor itself."""
    grey, colour = DataSpec((1, 8, 8), 0.0, 1.0), DataSpec((3, 8, 8), -1.0, 1.0)
    x = samples((1, 8, 8), 0.0)
    torch.testing.assert_close(convert_samples(convert_samples(x, grey, colour), colour, grey), x)
    assert convert_samples(x, grey, grey) is x


@pytest.mark.parametrize("size", [4, 6, 16])
def test_refitting_averages_colours_and_resizes_like_pillow(size: int) -> None:
    """Pillow's bilinear filter widens where it shrinks: every pixel of the source counts."""
    x = samples((3, 8, 8))
    ours = convert_samples(x, DataSpec((3, 8, 8)), DataSpec((1, size, size)))
    for image, theirs in zip(x.mean(1).numpy(), ours[:, 0], strict=True):
        resized = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
        torch.testing.assert_close(theirs, torch.from_numpy(np.array(resized)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "wide"), [((3, 16, 16), True), ((3, 32, 32), False)])
def test_bridged_plans_are_the_same_on_the_meta_device(shape: tuple[int, ...], wide: bool) -> None:
    """`explain` says what a transfer does."""
    source, target = make("dcgan", (1, 16, 16)), make("dcgan", shape, wide=wide)
    shadow = zoo.autoencoder(
        source.specs["encoder"], source.specs["decoder"], data=source.data, code_shape=6, device="meta"
    )
    gan = zoo.gan(target.specs["decoder"], target.specs["encoder"], data=target.data, code_shape=6, device="meta")
    assert explain(shadow, gan).rows == move(source, target).report.rows


@both
def test_a_smaller_code_takes_the_codes_principal_components(arch: str, images_file: Path) -> None:
    """G(e) = Dec(mu + L_k e): the first layer is folded, e is found again from the code, the rest is copied."""
    source = make(arch, (1, 8, 8))
    gan = zoo.gan(like=source, code_shape=4, seed=1)
    images = open_images(str(images_file), shape=(1, 8, 8))
    transferred = zoo.transfer(source, gan, "decoder-init+gaussian-prior", data=images)
    fit = principal_components(source.encode(images.batch(images.train)), 4)
    noise = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    codes = (fit.mean + noise.double() @ fit.scale.T).float()
    torch.testing.assert_close(transferred.gan.generate(noise), source.decode(codes), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(transferred.plan.to_latent(codes), noise, rtol=1e-3, atol=1e-3)
    covariance = torch.cov(source.encode(images.batch(images.train)).double().T)
    values = torch.linalg.eigvalsh(covariance)[-4:]
    torch.testing.assert_close(fit.scale.square().sum(0), values, rtol=1e-3, atol=2e-4)


@both
@pytest.mark.parametrize("code_shape", [4, 9])
def test_another_latent_size_is_a_named_bridge(arch: str, code_shape: int) -> None:
    """More values: the added ones are not read, whatever they are. Fewer: the dropped ones count as 0. Nothing is
    fresh, and a code finds its z."""
    source = make(arch, (1, 8, 8))
    transferred = zoo.transfer(source, zoo.gan(like=source, code_shape=code_shape, seed=1), "decoder-init")
    z = torch.randn(5, code_shape, generator=torch.Generator().manual_seed(0))
    ours = z[:, :6] if code_shape > 6 else torch.nn.functional.pad(z, (0, 6 - code_shape))
    torch.testing.assert_close(transferred.gan.generate(z), source.decode(ours), rtol=0, atol=1e-6)
    assert transferred.report.count("generator").get("fresh", 0) == 0
    assert bridges(transferred, "generator") == {f"latent 6 to {code_shape}"}
    if code_shape > 6:
        found = transferred.plan.to_latent(codes())
        torch.testing.assert_close(transferred.gan.generate(found), source.decode(codes()), rtol=0, atol=1e-6)


@both
def test_a_larger_code_holds_the_whole_gaussian_of_the_codes(arch: str, images_file: Path) -> None:
    """G(e) = Dec(mu + L e[:6]), and z is found again from a code with zeros in the added values."""
    source = make(arch, (1, 8, 8))
    images = open_images(str(images_file), shape=(1, 8, 8))
    gan = zoo.gan(like=source, code_shape=9, seed=1)
    transferred = zoo.transfer(source, gan, "decoder-init+gaussian-prior", data=images)
    fit = principal_components(source.encode(images.batch(images.train)), 6)
    noise = torch.randn(5, 9, generator=torch.Generator().manual_seed(0))
    expected = (fit.mean + noise[:, :6].double() @ fit.scale.T).float()
    torch.testing.assert_close(transferred.gan.generate(noise), source.decode(expected), rtol=1e-4, atol=1e-5)
    found = torch.nn.functional.pad(noise[:, :6], (0, 3))
    torch.testing.assert_close(transferred.plan.to_latent(expected), found, rtol=1e-3, atol=1e-3)
    assert transferred.report.count("generator").get("fresh", 0) == 0


def test_a_generator_learns_to_use_the_values_that_were_added(images_file: Path) -> None:
    """Their columns start at 0 and move with the first step."""
    source = make("mlp", (1, 8, 8))
    images = open_images(str(images_file), shape=(1, 8, 8))
    transferred = zoo.transfer(source, zoo.gan(like=source, code_shape=9, seed=1), "decoder-init")
    trainer = GANTrainer(transferred.plan, images, AdversarialTraining(batch=8), 0)
    columns = trainer.gan.generator.first.weight[:, 6:]
    assert not columns.any()
    trainer.step(images.train[:8], 0)
    assert trainer.gan.generator.first.weight[:, 6:].abs().sum(0).all()


def test_auto_projects_a_larger_code(images_file: Path, tmp_path: Path) -> None:
    """Of an autoencoder that knows the images: it has learnt a little."""
    images = open_images(str(images_file), shape=(1, 8, 8))
    source = make("dcgan", (1, 8, 8))
    zoo.train(source, images, out=tmp_path / "ae", images=4_800, training={"batch": 16, "learning_rate": 1e-2})
    transferred = zoo.transfer(source, zoo.gan(like=source, code_shape=4), data=images)
    assert "transfer/gaussian-prior" in transferred.report.strategy


@both
def test_batch_norm_is_measured_again_on_the_prior(arch: str, images_file: Path) -> None:
    """Afterwards G gives in eval mode, over many codes, the mean image that it gives in train mode."""
    source = make(arch, (1, 8, 8), norm="batch")
    images = open_images(str(images_file), shape=(1, 8, 8))
    strategies = ["decoder-init", "recalibrated-norm"]
    transferred = zoo.transfer(source, zoo.gan(like=source, seed=1), strategies, data=images)
    z = transferred.gan.draw(2000)
    alone = zoo.transfer(source, zoo.gan(like=source, seed=1), "decoder-init").gan.generator

    def gap(generator: Any) -> float:
        with torch.no_grad():
            return float((generator.eval()(z) - copy.deepcopy(generator).train()(z)).square().mean())

    assert gap(transferred.gan.generator) < 0.05 * gap(alone)
    assert {row.origin for row in transferred.report.rows if "running_" in row.tensor and row.net == "generator"} == {
        "fitted"
    }


@both
def test_other_activations_are_told(arch: str) -> None:
    """The weights fit and are copied, and the report says that they compute something else; alike nets get no note."""
    source = make(arch, (1, 8, 8))
    ours = {"mlp": "activation", "dcgan": "slope"}[arch], {"mlp": "activation", "dcgan": "activation"}[arch]
    values = ("relu", "leaky_relu") if arch == "mlp" else (0.1, "leaky_relu")
    specs = [source.specs["encoder"], source.specs["decoder"]]
    encoder, decoder = (
        PartSpec(spec.component, {**spec.config, key: value})
        for spec, key, value in zip(specs, ours, values, strict=True)
    )
    strategy = "decoder-init+encoder-init"
    gan = zoo.gan(decoder, encoder, like=source)
    told = [note for note in explain(source, gan, strategy).notes if "activations" in note]
    assert [note.partition(":")[0] for note in told] == ["decoder-init", "encoder-init"]
    assert "LeakyReLU(negative_slope=0.2)" in told[1]
    assert explain(source, zoo.gan(like=source), strategy).notes == ()
    ranged = make(arch, (1, 8, 8), low=0.0)  # a sigmoid at the end is the value range's affair
    assert explain(ranged, zoo.gan(like=source), strategy).notes == ()
