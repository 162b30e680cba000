"""Priors fitted to codes, against scikit-learn and scipy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import SHAPE, autoencoder
from torch import Tensor

import zoo
from zoo._utils.seeds import stream
from zoo.data.open import open_images
from zoo.losses.reconstruction import MatchedCodes, squared_mmd
from zoo.networks.configs import (
    FlowPriorConfig,
    GaussianPriorConfig,
    LowRankPriorConfig,
    MixturePriorConfig,
    TruncatedPriorConfig,
)
from zoo.networks.flows import FlowPrior
from zoo.networks.priors import GaussianPrior, LowRankPrior, MixturePrior, TruncatedPrior
from zoo.transfers.density import LowRankFit, evenly_spread, fit_gaussian, fit_low_rank, fit_mixture


def codes_of(n: int, d: int, seed: int) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=rng) @ torch.randn(d, d, generator=rng) + torch.randn(d, generator=rng)


def test_a_gaussian_is_scikit_learns_with_its_ridge_and_scipy_knows_its_draws() -> None:
    """Mean and covariance to 1e-6; squared Mahalanobis distances of draws follow chi^2 (Kolmogorov-Smirnov)."""
    covariance = pytest.importorskip("sklearn.covariance")
    stats = pytest.importorskip("scipy.stats")
    codes = codes_of(200, 4, 0)
    fit = fit_gaussian(codes, ridge=0.5)
    theirs = covariance.EmpiricalCovariance().fit(codes.double().numpy())
    unbiased = theirs.covariance_ * 200 / 199
    assert fit.mean.numpy() == pytest.approx(theirs.location_, rel=1e-6)
    assert (fit.scale @ fit.scale.T).numpy() == pytest.approx(unbiased + 0.5 * np.eye(4), rel=1e-6)
    assert torch.equal(fit.scale, fit.scale.tril())
    prior = GaussianPrior(GaussianPriorConfig(), (4,))
    prior.mean.copy_(fit.mean)
    prior.scale.copy_(fit.scale)
    drawn = prior.sample(2000, torch.Generator().manual_seed(1)).double().numpy() - fit.mean.numpy()
    distances = np.einsum("ni,ij,nj->n", drawn, np.linalg.inv(unbiased + 0.5 * np.eye(4)), drawn)
    assert stats.kstest(distances, stats.chi2(4).cdf).pvalue > 0.01


@pytest.mark.parametrize("components", [3, 24])
def test_a_mixtures_likelihood_and_covariances_are_scikit_learns(components: int) -> None:
    """The same parameters give the same log-likelihood, also where each code looks at its nearest components only, and
    draws from the prior are as likely as scikit-learn's own."""
    mixture = pytest.importorskip("sklearn.mixture")
    rng = torch.Generator().manual_seed(2)
    centres = 4 * torch.randn(components, 3, generator=rng)
    codes = centres[torch.randint(components, (1500,), generator=rng)] + torch.randn(1500, 3, generator=rng)
    fit = fit_mixture(codes, components, torch.Generator().manual_seed(0), shrinkage=0.0)
    theirs = mixture.GaussianMixture(components, random_state=0)
    theirs.weights_, theirs.means_ = fit.weights.numpy(), fit.means.numpy()
    theirs.covariances_ = (fit.scales @ fit.scales.mT).numpy()
    theirs.precisions_cholesky_ = np.linalg.inv(fit.scales.numpy()).transpose(0, 2, 1)
    likelihood = theirs.score_samples(codes.double().numpy())
    assert fit.history[-1] == pytest.approx(likelihood.mean(), abs=1e-4)
    prior = MixturePrior(MixturePriorConfig(components), (3,))
    for name, value in (("weights", fit.weights), ("means", fit.means), ("scales", fit.scales)):
        getattr(prior, name).copy_(value)
    drawn = theirs.score_samples(prior.sample(4000, torch.Generator().manual_seed(3)).double().numpy())
    own = theirs.score_samples(theirs.sample(4000)[0])
    error = (drawn.var() / 4000 + own.var() / 4000) ** 0.5
    assert abs(drawn.mean() - own.mean()) < 4 * error


def test_a_mixtures_covariance_is_shrunk_towards_its_diagonal() -> None:
    """One component by hand: 0.7 S + 0.3 diag(S) + ridge I, S the covariance over N."""
    codes = codes_of(60, 3, 1)
    fit = fit_mixture(codes, 1, torch.Generator().manual_seed(0), shrinkage=0.3, ridge=0.01)
    whole = np.cov(codes.double().numpy().T, bias=True)
    expected = 0.7 * whole + 0.3 * np.diag(np.diag(whole)) + 0.01 * np.eye(3)
    assert (fit.scales[0] @ fit.scales[0].T).numpy() == pytest.approx(expected, rel=1e-6)


def test_a_flows_draws_are_mean_and_scale_times_its_couplings_of_the_noise() -> None:
    """Going back through the density's own inverse finds the noise that was drawn; log p is that of the change of
    variables there."""
    torch.manual_seed(0)
    flow = FlowPrior(FlowPriorConfig(layers=3, width=8), (4,))
    with torch.no_grad():
        for weight in flow.parameters():
            weight += 0.3 * torch.randn_like(weight)
        flow.mean.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0]))
        flow.scale.copy_(torch.tensor([0.5, 2.0, 1.5, 0.1]))
    noise = torch.randn(6, 4, generator=torch.Generator().manual_seed(5))
    drawn = flow.sample(6, torch.Generator().manual_seed(5))
    back, change = (drawn - flow.mean) / flow.scale, -flow.scale.log().sum()
    for coupling in reversed(flow.couplings):
        back, step = coupling.inverse(back)
        change = change + step
    torch.testing.assert_close(back, noise, rtol=1e-4, atol=1e-4)
    normal = -0.5 * noise.square().sum(1) - 2 * math.log(2 * math.pi)
    torch.testing.assert_close(flow.log_density(drawn), normal + change, rtol=1e-3, atol=1e-3)


def test_a_truncated_normal_has_scipys_moments_at_any_threshold() -> None:
    """Mean, variance and fourth moment within 4 standard errors of 20,000 draws."""
    stats = pytest.importorskip("scipy.stats")
    for threshold in (0.5, 1.0, 3.0):
        prior = TruncatedPrior(TruncatedPriorConfig(threshold), (20,))
        drawn = prior.sample(1000, torch.Generator().manual_seed(0)).double().numpy().ravel()
        for power in (1, 2, 4):
            values, wanted = drawn**power, stats.truncnorm(-threshold, threshold).moment(power)
            assert abs(values.mean() - wanted) < 4 * values.std() / len(drawn) ** 0.5


@pytest.mark.parametrize("arch", ["mlp", "dcgan"])
@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        ("gaussian-prior", {"fold": False}),
        ("gaussian-prior", {"rank": 3}),
        ("gmm-prior", {"components": 3}),
        ("gmm-prior", {"components": 3, "rank": 2}),
        ("flow-prior", {"steps": 200, "layers": 2, "width": 8, "learning_rate": 1e-2}),
    ],
)
def test_a_fitted_prior_draws_like_codes_of_unseen_images(
    strategy: str, settings: dict[str, Any], arch: str, images_file: Path
) -> None:
    """The maximum mean discrepancy to held-out codes is a tenth of that of N(0, I), or less."""
    source = autoencoder(arch)
    with torch.no_grad():
        source.bottleneck.mean.weight.mul_(2.0)
        source.bottleneck.mean.bias.fill_(3.0)
    images = open_images(str(images_file), shape=SHAPE)
    transferred = zoo.transfer(source, strategy=[{"component": strategy, "config": settings}], data=images)
    codes = source.encode(images.batch(images.held_out)).double()

    def distance(drawn: Tensor) -> float:
        parts = drawn.double().split(len(codes))
        return float(np.mean([squared_mmd(part, codes, MatchedCodes.scales).item() for part in parts]))

    rng = stream(0, "test")
    fitted = distance(transferred.gan.prior.sample(20 * len(codes), rng))
    assert fitted < 0.1 * distance(torch.randn(20 * len(codes), 6, generator=rng))


def covariance_of(fit: LowRankFit, component: int = 0) -> Tensor:
    factors = fit.factors[component]
    return factors @ factors.T + fit.diagonals[component].diag()


def test_a_covariance_of_full_rank_is_the_full_covariance() -> None:
    codes = codes_of(200, 6, 3).double()
    fit = fit_low_rank(codes, 1, 6, torch.Generator().manual_seed(0), shrinkage=0.25)
    full = torch.cov(codes.T, correction=0)
    torch.testing.assert_close(covariance_of(fit), 0.75 * full + 0.25 * full.diagonal().diag(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fit.means[0], codes.mean(0))


@pytest.mark.parametrize(("n", "d", "rank"), [(400, 12, 3), (40, 60, 4)], ids=["many codes", "few codes"])
def test_a_low_rank_likelihood_is_that_of_scikit_learns_factor_analysis(n: int, d: int, rank: int) -> None:
    """Fitted to the same codes, also to fewer codes than values: the same log-likelihood of these codes, and of others;
    the history holds it."""
    decomposition = pytest.importorskip("sklearn.decomposition")
    stats = pytest.importorskip("scipy.stats")
    rng = torch.Generator().manual_seed(4)
    common = torch.randn(2 * n, rank, generator=rng) @ torch.randn(rank, d, generator=rng)
    codes = common + (0.5 + torch.rand(d, generator=rng)) * torch.randn(2 * n, d, generator=rng)
    theirs = decomposition.FactorAnalysis(rank, tol=1e-6, max_iter=5000).fit(codes[:n].double().numpy())
    fit = fit_low_rank(codes[:n], 1, rank, torch.Generator().manual_seed(0), shrinkage=0.0)
    assert fit.history[-1] == pytest.approx(theirs.score(codes[:n].double().numpy()), abs=2e-3 * d)
    own = stats.multivariate_normal(fit.means[0].numpy(), covariance_of(fit).numpy())
    assert fit.history[-1] == pytest.approx(own.logpdf(codes[:n].double().numpy()).mean(), abs=1e-6)
    assert own.logpdf(codes[n:].double().numpy()).mean() == pytest.approx(
        theirs.score(codes[n:].double().numpy()), abs=5e-3 * d
    )


def test_a_low_rank_mixture_finds_the_clusters_that_its_codes_were_drawn_from() -> None:
    rng = torch.Generator().manual_seed(5)
    centres, loadings = 6 * torch.randn(3, 40, generator=rng), torch.randn(3, 40, 2, generator=rng)
    cluster = torch.arange(900) % 9 // 4  # 4, 4 and 1 of 9
    common = torch.einsum("ndr,nr->nd", loadings[cluster], torch.randn(900, 2, generator=rng))
    codes = centres[cluster] + common + 0.3 * torch.randn(900, 40, generator=rng)
    fit = fit_low_rank(codes, 3, 2, torch.Generator().manual_seed(0), shrinkage=0.0)
    found = torch.cdist(centres.double(), fit.means).argmin(1)
    assert found.sort().values.tolist() == [0, 1, 2]
    assert fit.weights[found].numpy() == pytest.approx(np.array([4, 4, 1]) / 9, abs=1e-3)
    for true, ours in enumerate(found.tolist()):
        expected = loadings[true] @ loadings[true].T + 0.09 * torch.eye(40)
        error = torch.linalg.norm(covariance_of(fit, ours) - expected) / torch.linalg.norm(expected)
        assert error < 0.35
    assert min(np.diff(fit.history), default=0) > -1e-6


def test_draws_of_a_low_rank_prior_have_its_means_and_covariances() -> None:
    prior = LowRankPrior(LowRankPriorConfig(components=2, rank=2), (3, 1, 2))
    rng = torch.Generator().manual_seed(6)
    prior.weights.copy_(torch.tensor([0.25, 0.75]))
    prior.means[1] += 50
    prior.factors.normal_(generator=rng)
    prior.diagonals.copy_(torch.rand(2, 6, generator=rng))
    drawn = prior.sample(20_000, rng)
    assert drawn.shape == (20_000, 3, 1, 2)
    second = drawn.flatten(1).mean(1) > 25
    assert second.float().mean() == pytest.approx(0.75, abs=0.02)
    for component, rows in enumerate((drawn[~second], drawn[second])):
        expected = prior.factors[component] @ prior.factors[component].T + prior.diagonals[component].diag()
        torch.testing.assert_close(torch.cov(rows.flatten(1).T), expected, rtol=0.1, atol=0.1)
        torch.testing.assert_close(rows.flatten(1).mean(0), prior.means[component], rtol=0.01, atol=0.1)


def test_codes_beyond_the_most_are_left_out_evenly() -> None:
    codes = torch.arange(10.0)[:, None]
    assert torch.equal(evenly_spread(codes, 10), codes)
    assert evenly_spread(codes, 4).flatten().tolist() == [0, 3, 6, 9]
