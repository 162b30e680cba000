"""Losses and penalties against independent float64 references on fresh random inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import autoencoder
from torch import Tensor, nn

from zoo import plugins
from zoo.errors import CompositionError, ConfigError
from zoo.losses.logits import over_groups
from zoo.losses.types import StepContext
from zoo.networks.types import DiscriminatorOutput
from zoo.types import PartSpec


def table(real: Tensor, fake: Tensor, groups: tuple[int, ...] = (1,), x: Tensor | None = None) -> StepContext:
    x = real if x is None else x
    return StepContext(
        real=x,
        fake=x,
        z=x,
        indices=torch.arange(len(real)),
        shown=0,
        discriminate=lambda _: DiscriminatorOutput(fake, ()),
        groups=groups,
        generate=lambda z: z,
        fake_output=DiscriminatorOutput(fake, ()),
        real_output=DiscriminatorOutput(real, ()),
    )


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.fixture
def logits() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(torch.seed() % 2**31)
    return tuple(3 * torch.randn(17, 1, generator=rng, dtype=torch.float64) for _ in range(2))  # type: ignore[return-value]


def test_non_saturating_losses_equal_the_papers(logits: tuple[Tensor, Tensor]) -> None:
    real, fake = logits
    loss = plugins.build("objective", "non-saturating")
    d = -np.log(sigmoid(real.numpy())) - np.log(1 - sigmoid(fake.numpy()))
    assert loss.d_loss(table(real, fake)).item() == pytest.approx(d.mean(), rel=1e-9)
    assert loss.g_loss(table(real, fake)).item() == pytest.approx(-np.log(sigmoid(fake.numpy())).mean(), rel=1e-9)


def test_relativistic_losses_equal_the_papers_with_pairs(logits: tuple[Tensor, Tensor]) -> None:
    real, fake = logits
    loss = plugins.build("objective", "relativistic")
    assert loss.paired
    d = softplus(-(real.numpy() - fake.numpy())).mean()
    g = softplus(-(fake.numpy() - real.numpy())).mean()
    assert loss.d_loss(table(real, fake)).item() == pytest.approx(d, rel=1e-9)
    assert loss.g_loss(table(real, fake)).item() == pytest.approx(g, rel=1e-9)


@pytest.mark.parametrize("name", ["non-saturating", "relativistic"])
def test_gradients_equal_finite_differences(name: str, logits: tuple[Tensor, Tensor]) -> None:
    loss = plugins.build("objective", name)
    real, fake = (x.requires_grad_() for x in logits)
    assert torch.autograd.gradcheck(lambda a, b: loss.d_loss(table(a, b)), (real, fake))
    assert torch.autograd.gradcheck(lambda a, b: loss.g_loss(table(a, b)), (real, fake))


def test_logits_are_averaged_inside_a_group_and_summed_over_groups() -> None:
    values = torch.rand(4, 6, dtype=torch.float64)
    expected = values[:, :1].mean() + values[:, 1:3].mean() + values[:, 3:].mean()
    assert torch.allclose(over_groups(values, (1, 2, 3)), expected)


def test_r1_is_half_gamma_times_the_squared_gradient_norm_and_can_be_differentiated_again() -> None:
    """For D(x) = sum(w x^2) / 2 the gradient is w x: the penalty is gamma/2 mean ||w x||^2, d/dw is gamma mean w x^2."""
    penalty = plugins.build("regulariser", PartSpec("r1", {"gamma": 0.7, "interval": 5}))
    assert (penalty.interval, penalty.inputs) == (5, {"real"})
    x = torch.randn(8, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    w = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    logits = (w * x.square()).flatten(1).sum(1, keepdim=True) / 2
    value = penalty.penalty(table(logits, logits, x=x))
    with torch.no_grad():
        expected = 0.35 * (w * x).square().flatten(1).sum(1).mean()
        slope = 0.7 * (w * x.square()).mean(0)
    assert torch.allclose(value, expected)
    (gradient,) = torch.autograd.grad(value, w)
    assert torch.allclose(gradient, slope)


def test_the_autoencoders_losses_equal_numpy() -> None:
    model = autoencoder("mlp").double()
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64) * 2 - 1
    rng = torch.Generator().manual_seed(4)
    mean, logvar = (part.detach().numpy() for part in model.posterior(x))  # type: ignore[union-attr]

    plain = plugins.build("objective", PartSpec("ae", {"code_penalty": 0.3})).loss(model, x, rng, 0)
    rebuilt = model.decoder(model.posterior(x).mean).detach().numpy()
    error = ((x.numpy() - rebuilt) ** 2).mean()
    assert plain.total.item() == pytest.approx(error + 0.15 * (mean**2).sum(1).mean(), rel=1e-9)
    assert plain.parts["mse"].item() == pytest.approx(error, rel=1e-9)

    vae = plugins.build("objective", PartSpec("vae", {"beta": 2.0})).loss(model, x, torch.Generator().manual_seed(9), 0)
    noise = torch.randn(5, 6, generator=torch.Generator().manual_seed(9)).double().numpy()
    code = torch.from_numpy(mean + np.exp(logvar / 2) * noise)
    error = ((x.numpy() - model.decoder(code).detach().numpy()) ** 2).mean()
    divergence = 0.5 * (np.exp(logvar) + mean**2 - 1 - logvar).sum(1).mean()
    assert vae.total.item() == pytest.approx(error + 2.0 * divergence / 64, rel=1e-6)


def test_denoising_shows_noisy_images_and_asks_for_clean_ones() -> None:
    model = autoencoder("mlp")
    x = torch.zeros(4, 1, 8, 8)
    seen = []
    model.encoder.register_forward_pre_hook(lambda *_: None)
    features = model.encoder.features
    model.encoder.features = lambda y: (seen.append(y), features(y))[1]  # type: ignore[method-assign, assignment, operator, func-returns-value]
    losses = plugins.build("objective", PartSpec("ae", {"noise": 0.1})).loss(
        model, x, torch.Generator().manual_seed(0), 0
    )
    assert seen[0].std().item() == pytest.approx(0.2, rel=0.2)  # a tenth of the range [-1, 1]
    assert losses.parts["mse"].item() == pytest.approx(
        model.decoder(model.bottleneck(features(seen[0]).embedding).mean).square().mean().item()
    )  # type: ignore[operator]


def test_a_vae_without_a_variance_is_refused() -> None:
    model = autoencoder("mlp", bottleneck="linear")
    with pytest.raises(CompositionError, match="needs a variance"):
        plugins.build("objective", "vae").loss(model, torch.zeros(2, 1, 8, 8), torch.Generator(), 0)


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("objective", PartSpec("ae", {"noise": -1.0})),
        ("objective", PartSpec("vae", {"beta": -1.0})),
        ("regulariser", PartSpec("r1", {"gamma": -1.0})),
        ("regulariser", PartSpec("r1", {"interval": 0})),
    ],
)
def test_settings_out_of_range_are_refused(kind: str, spec: PartSpec) -> None:
    with pytest.raises(ConfigError):
        plugins.build(kind, spec)


def test_modules_of_losses_are_modules() -> None:
    """Their buffers are part of a checkpoint."""
    for name in ("non-saturating", "relativistic"):
        assert isinstance(plugins.build("objective", name), nn.Module)
