"""What the fit of a prior costs is known before it starts, and one that would take hours is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from helpers import ARCHITECTURES

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import TransferError
from zoo.transfers.fit_cost import FitCost, describe_cost, flow_cost, full_cost, low_rank_cost, refuse_costly
from zoo.types import PartSpec

SMALL = {
    "full": (full_cost, (160, 64, 10)),
    "low-rank": (low_rank_cost, (160, 64, 10, 32)),
    "flow": (flow_cost, (64, 100_000, 6, 128, 1000)),
}


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=(1, 8, 8))


@pytest.mark.parametrize("name", SMALL)
def test_more_of_anything_never_costs_less(name: str) -> None:
    cost, sizes = SMALL[name]
    for i in range(len(sizes)):
        before = cost(*sizes)
        for factor in (2, 8, 64):
            after = cost(*sizes[:i], factor * sizes[i], *sizes[i + 1 :])
            assert after.seconds >= before.seconds
            assert after.bytes >= before.bytes
            before = after


@pytest.mark.parametrize(
    ("cost", "sizes", "seconds"),
    [
        (full_cost, (2000, 256, 10), 2.8),
        (full_cost, (2000, 1024, 10), 17.2),
        (full_cost, (160, 4096, 10), 35.6),
        (full_cost, (2000, 4096, 1), 2.8),
        (low_rank_cost, (2000, 1024, 10, 32), 7.9),
        (low_rank_cost, (2000, 4096, 1, 32), 2.3),
        (low_rank_cost, (2000, 4096, 10, 32), 14.2),
        (flow_cost, (1024, 6 * (3 * 1024 * 64 + 64**2), 6, 128, 1000), 30.0),
    ],
)
def test_an_estimate_is_near_what_was_measured(
    cost: Callable[..., FitCost], sizes: tuple[int, ...], seconds: float
) -> None:
    """CPU seconds on one core of a 2026 server (docs/appendix/prior-costs.md); a fit may take few or many steps."""
    assert seconds / 6 < cost(*sizes).seconds < 6 * seconds


def test_the_absurd_is_refused_with_a_way_out_and_the_usual_is_not() -> None:
    refuse_costly("a fit", full_cost(20_000, 64, 200))
    refuse_costly("a fit", low_rank_cost(8192, 16_384, 10, 32))
    with pytest.raises(TransferError, match="a fit would need about 7 hours on one core") as slow:
        refuse_costly("a fit", FitCost(25_000, 0, "Do less."))
    assert slow.value.hint == "Do less. Or choose another prior."
    with pytest.raises(TransferError, match=r"a fit would need [\d,]+ GiB of memory, more than half") as large:
        refuse_costly("a fit", full_cost(160, 2**17, 100))
    assert "rank=32" in (large.value.hint or "")


def test_a_costs_words_have_one_unit() -> None:
    words = [describe_cost(FitCost(seconds, 0, "")) for seconds in (1.9, 2.4, 99, 101, 5900, 7300)]
    assert words == ["", "about 2 s", "about 99 s", "about 2 min", "about 98 min", "about 2 hours"]


def test_a_mixture_that_no_machine_holds_is_refused_before_anything_is_built(images: ImageSet) -> None:
    """1,000 full covariances of 4,096 values: 400 GB and more than an hour."""
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=4096, seed=0)
    gan = zoo.gan(like=source, seed=1)
    with pytest.raises(TransferError, match="mixture of 1000 fitted to the codes would need"):
        zoo.transfer(source, gan, [PartSpec("gmm-prior", {"components": 1000, "rank": "full"})], data=images)


def test_long_fits_are_announced_with_their_time_and_hopeless_ones_refused(images: ImageSet) -> None:
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=6, seed=0)
    told: list[str] = []
    for layers in (1, 64):
        part = PartSpec("flow-prior", {"steps": 20, "layers": layers, "width": 4})
        zoo.transfer(source, None, [part], data=images, tell=told.append)
    line = "before the first step: flow fitted to the codes"
    assert told == [line, f"{line} (about 3 s)"]
    with pytest.raises(TransferError, match=r"flow fitted to the codes would need about [\d,]+ hours on one core"):
        zoo.transfer(source, None, [PartSpec("flow-prior", {"steps": 10_000_000})], data=images)


def test_a_fit_that_only_so_many_images_make_hopeless_is_refused(
    images: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit between the cost of one image and that of all."""
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=6, seed=0)
    limit = (full_cost(1, 6, 2).seconds + full_cost(len(images.to_fit()), 6, 2).seconds) / 2
    monkeypatch.setattr("zoo.transfers.fit_cost._MOST_SECONDS", limit)
    with pytest.raises(TransferError, match="mixture of 2 fitted to the codes would need"):
        zoo.transfer(source, None, [PartSpec("gmm-prior", {"components": 2})], data=images)


def test_large_codes_get_priors_of_low_rank_and_small_ones_full_covariances(images: ImageSet) -> None:
    """10 components of 1,024 values, in seconds; a run's GAN samples from it."""
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=(16, 8, 8), seed=0)
    transferred = zoo.transfer(source, strategy="gmm-prior", data=images)
    assert transferred.gan.specs["prior"].component == "core/low-rank"
    assert transferred.gan.prior.factors.shape == (10, 1024, 32)
    assert transferred.gan.draw(3).shape == (3, 16, 8, 8)
    for settings, component in (
        ({}, "core/gaussian"),
        ({"rank": "full"}, "core/gaussian"),
        ({"rank": 4}, "core/low-rank"),
    ):
        part = PartSpec("gaussian-prior", {"fold": False, **settings})
        assert zoo.transfer(source, strategy=[part], data=images).gan.specs["prior"].component == component


def test_a_rank_and_principal_components_exclude_each_other(images: ImageSet) -> None:
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=6, seed=0)
    with pytest.raises(TransferError, match="rank is 2, but 6 values a code become 4"):
        zoo.transfer(source, zoo.gan(like=source, code_shape=4), [PartSpec("gaussian-prior", {"rank": 2})], data=images)


def test_a_prior_of_low_rank_is_released_and_loaded(images: ImageSet, tmp_path: Path) -> None:
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=(2, 2, 2), seed=0)
    strategy = [PartSpec("gmm-prior", {"components": 2, "rank": 3})]
    transferred = zoo.transfer(source, strategy=strategy, data=images)
    run = zoo.train(transferred, images, out=tmp_path / "run", images=32, training={"batch": 16})
    run.release(tmp_path / "release", license="MIT")
    pair = zoo.load(tmp_path / "release")
    assert pair.gan is not None
    assert pair.gan.specs["prior"].config == {"components": 2, "rank": 3}
    assert torch.equal(pair.gan.sample(5), run.gan.sample(5))


def test_a_mixture_looks_at_most_at_max_codes_codes(images: ImageSet) -> None:
    """The same as a fit to the evenly spread codes, and another than one to all of them."""
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=6, seed=0)
    codes = source.encode(images.batch(images.to_fit()))
    for rank in ("full", 2):
        settings = {"components": 1, "rank": rank}
        some = zoo.transfer(source, strategy=[PartSpec("gmm-prior", settings | {"max_codes": 11})], data=images)
        rows = torch.linspace(0, len(codes) - 1, 11).round().long()
        torch.testing.assert_close(some.gan.prior.means[0], codes[rows].mean(0))
        costs = some.plan.fit_costs.values()
        assert [cost(11) for cost in costs] == [cost(10**9) for cost in costs]
