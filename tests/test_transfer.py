"""Transfer: what moves, what the report says of it, and what is refused before anything is computed."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import SHAPE, autoencoder, states_equal

import zoo
from zoo._utils.seeds import stream
from zoo.errors import ConfigError, TransferError, UnknownName
from zoo.transfers.apply import explain
from zoo.transfers.density import fit_gaussian, fit_mixture
from zoo.types import DataSpec


@pytest.fixture(params=["mlp", "dcgan"])
def source(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    return autoencoder(request.param, seed=7).eval()


def test_decoder_init_gives_bitwise_equal_samples(source) -> None:  # type: ignore[no-untyped-def]
    transferred = zoo.transfer(source, strategy="decoder-init")
    z = torch.randn(9, 6)
    assert torch.equal(transferred.gan.generate(z), source.decode(z))


def test_encoder_init_gives_bitwise_equal_stages(source) -> None:  # type: ignore[no-untyped-def]
    transferred = zoo.transfer(source, strategy="encoder-init")
    x = torch.rand(5, *SHAPE) * 2 - 1
    judged = transferred.gan.discriminator.eval().discriminate(x).stages
    for ours, theirs in zip(judged, source.encoder.features(x).stages, strict=True):
        assert torch.equal(ours, theirs)


def test_neither_the_source_nor_the_gan_is_changed(source) -> None:  # type: ignore[no-untyped-def]
    gan = zoo.gan(like=source)
    before = copy.deepcopy(gan), copy.deepcopy(source)
    zoo.transfer(source, gan)
    assert states_equal(gan, before[0])
    assert states_equal(source, before[1])


def test_the_report_lists_every_tensor_of_the_final_gan_with_its_origin(source) -> None:  # type: ignore[no-untyped-def]
    transferred = zoo.transfer(source)
    listed = {(row.net, row.tensor) for row in transferred.report.rows}
    assert listed == {(net, name) for net, part in transferred.gan.parts.items() for name in part.state_dict()}
    assert transferred.report.count("generator") == {"copied": len(transferred.gan.generator.state_dict())}
    head = {row.tensor: row.origin for row in transferred.report.rows if row.tensor.startswith("head.")}
    assert head == {"head.weight": "fresh", "head.bias": "fresh"}
    trunk = transferred.gan.discriminator.encoder.state_dict()
    copied = [row for row in transferred.report.rows if row.net == "discriminator" and row.origin == "copied"]
    assert {row.tensor for row in copied} == {f"encoder.{name}" for name in trunk}
    for row in copied:
        role, _, name = row.how.partition(".")
        assert torch.equal(source.parts[role].state_dict()[name], trunk[row.tensor.removeprefix("encoder.")])


def test_scratch_moves_nothing(source) -> None:  # type: ignore[no-untyped-def]
    gan = zoo.gan(like=source, seed=5)
    transferred = zoo.transfer(source, gan, "scratch")
    assert states_equal(transferred.gan, gan)
    assert set(transferred.report.count()) == {"fresh"}


def test_the_order_in_which_strategies_are_written_does_not_matter(source, images_file: Path) -> None:  # type: ignore[no-untyped-def]
    names = ["gaussian-prior", "encoder-init", "decoder-init"]
    one = zoo.transfer(source, strategy="+".join(names), data=str(images_file))
    other = zoo.transfer(source, strategy="+".join(reversed(names)), data=str(images_file))
    assert states_equal(one.gan, other.gan)
    assert one.report == other.report


def test_explaining_on_the_meta_device_gives_the_same_report_as_doing_it(images_file: Path) -> None:
    real, meta = autoencoder("dcgan"), autoencoder("dcgan", device="meta")
    strategy = "decoder-init+encoder-init+gmm-prior"
    required_tensors = explain(meta, zoo.gan(like=meta, device="meta"), strategy)
    assert zoo.transfer(real, strategy=strategy, data=str(images_file)).report.rows == required_tensors.rows


def test_a_generator_with_fewer_layers_takes_the_last_ones_by_a_named_bridge() -> None:
    source = zoo.autoencoder(
        {"component": "mlp", "config": {"widths": [6]}},
        {"component": "mlp", "config": {"widths": [6]}},
        bottleneck="identity",
        shape=(9,),
        code_shape=6,
    )
    gan = zoo.gan({"component": "mlp", "config": {"widths": []}}, like=source)
    transferred = zoo.transfer(source, gan, "decoder-init")
    rows = [row for row in transferred.report.rows if row.net == "generator"]
    assert {row.origin for row in rows} == {"adapted"}
    assert all(row.how.startswith("drop-layers: decoder.") for row in rows)
    last = [layer for layer in source.decoder.modules() if isinstance(layer, torch.nn.Linear)][-1]
    assert torch.equal(transferred.gan.generator.first.weight, last.weight)


def test_the_folded_gaussian_samples_what_the_gaussian_would_have(source, images_file: Path) -> None:  # type: ignore[no-untyped-def]
    """G(e) after folding equals Dec(mu + L e), to float32's rounding."""
    images = zoo.open_images(str(images_file), like=source.data)
    transferred = zoo.transfer(source, strategy="decoder-init+gaussian-prior", data=images)
    fitted = fit_gaussian(source.encode(images.batch(images.train)))
    noise = torch.randn(32, 6)
    code = (fitted.mean + noise.double() @ fitted.scale.T).float()
    assert torch.allclose(transferred.gan.generate(noise), source.decode(code), rtol=1e-4, atol=1e-5)
    to_latent = transferred.plan.to_latent
    assert to_latent is not None
    assert torch.allclose(to_latent(code), noise, atol=1e-4)


@pytest.mark.parametrize("settings", [{"fold": False}, {}])
def test_the_gaussian_prior_has_the_codes_mean_and_covariance(settings, images_file: Path) -> None:  # type: ignore[no-untyped-def]
    source = autoencoder(seed=2).eval()
    images = zoo.open_images(str(images_file), like=source.data)
    strategy = [{"component": "gaussian-prior", "config": settings}]
    transferred = zoo.transfer(source, strategy=strategy, data=images)
    codes = source.encode(images.batch(images.train))
    if settings:
        drawn = transferred.gan.prior.sample(20_000, stream(0, "test"))
        assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.03)
        assert torch.allclose(torch.cov(drawn.T), torch.cov(codes.T), atol=0.05)
    else:
        assert transferred.gan.specs["prior"].component == "core/normal"


def test_the_mixture_fits_like_scikit_learns() -> None:
    """On well-separated clusters both find the same weights, means and covariances."""
    mixture = pytest.importorskip("sklearn.mixture")
    rng = torch.Generator().manual_seed(0)
    centres = torch.tensor([[5.0, 0.0, 0.0], [-5.0, 2.0, 0.0], [0.0, -6.0, 3.0]])
    which = torch.multinomial(torch.tensor([0.5, 0.3, 0.2]), 3000, replacement=True, generator=rng)
    codes = centres[which] + torch.randn(3000, 3, generator=rng) * torch.tensor([1.0, 0.5, 0.8])
    ours = fit_mixture(codes, 3, torch.Generator().manual_seed(1), shrinkage=0.0, ridge=1e-6, tolerance=1e-8)
    theirs = mixture.GaussianMixture(3, random_state=0, tol=1e-8, max_iter=500).fit(codes.double().numpy())
    order, reference = ours.weights.argsort(), np.argsort(theirs.weights_)
    assert np.allclose(ours.weights[order], theirs.weights_[reference], atol=1e-4)
    assert np.allclose(ours.means[order], theirs.means_[reference], atol=1e-3)
    covariances = ours.scales @ ours.scales.transpose(1, 2)
    assert np.allclose(covariances[order], theirs.covariances_[reference], atol=1e-3)
    assert all(later >= earlier - 1e-9 for earlier, later in zip(ours.history, ours.history[1:], strict=False))


def test_the_fitted_mixture_is_the_gans_prior_and_draws_from_its_components(images_file: Path) -> None:
    source = autoencoder(seed=2).eval()
    strategy = [{"component": "gmm-prior", "config": {"components": 3}}]
    transferred = zoo.transfer(source, strategy=strategy, data=str(images_file))
    prior = transferred.gan.prior
    assert transferred.gan.specs["prior"].component == "core/gmm"
    drawn = prior.sample(20_000, stream(0, "test"))
    mean = (prior.weights[:, None] * prior.means).sum(0)
    assert torch.allclose(drawn.mean(0), mean, atol=0.05)
    assert transferred.report.count("prior") == {"fitted": 3}


@pytest.mark.parametrize(
    ("strategy", "error", "text"),
    [
        ("decoder-intt", UnknownName, "Did you mean decoder-init"),
        ("", ConfigError, "names nothing"),
        ("decoder-init+", ConfigError, "names nothing"),
        ("decoder-init+decoder-init", TransferError, "both fill the slot 'generator'"),
        ("gaussian-prior+gmm-prior", TransferError, "both fill the slot 'prior'"),
        ("gmm-prior", TransferError, "no data was given"),
        ([{"component": "gmm-prior", "config": {"components": 0}}], ConfigError, "not within"),
    ],
)
def test_wrong_strategies_are_refused_by_name(strategy, error, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=text):
        zoo.transfer(autoencoder(), strategy=strategy)


@pytest.mark.parametrize(
    ("gan", "strategy", "text"),
    [
        (lambda ae: zoo.gan("mlp", like=ae), "decoder-init", "decoder"),
        (lambda ae: zoo.gan(discriminator="mlp", like=ae), "encoder-init", "encoder"),
    ],
)
def test_an_autoencoder_and_a_gan_that_do_not_fit_are_refused_with_a_way_out(gan, strategy, text) -> None:  # type: ignore[no-untyped-def]
    source = autoencoder()
    with pytest.raises(TransferError, match=text) as caught:
        zoo.transfer(source, gan(source), strategy)
    assert caught.value.hint


@pytest.mark.parametrize("data", [DataSpec((3, 8, 8)), DataSpec(SHAPE, 0.0, 1.0)])
def test_other_channels_and_value_ranges_are_carried_by_named_bridges(data: DataSpec) -> None:
    source = autoencoder()
    report = zoo.transfer(source, zoo.gan(like=source, data=data), "decoder-init").report
    assert "adapted" in report.count("generator")
    assert "fresh" not in report.count("generator")
