"""Penalties on the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo._utils.seeds import per_sample
from zoo.errors import ConfigError
from zoo.losses.augmentation import augment, draw, parse
from zoo.losses.configs import ConsistencyConfig, GradientPenaltyConfig, R1Config
from zoo.losses.types import StepContext
from zoo.types import DataSpec

__all__ = ["R1", "R1R2", "R2", "Consistency", "GradientPenalty"]


class GradientNormPenalty:
    """What R1 and R2 share: `gamma` and how often they are due."""

    def __init__(self, config: R1Config) -> None:
        self.gamma: float | None = None if config.gamma == "auto" else config.gamma
        self.interval = config.interval

    def prepare(self, data: DataSpec, batch: int) -> None:
        """Before training on `data` in batches of `batch`: an automatic gamma becomes 0.0002 H W / batch, the heuristic
        of StyleGAN2-ADA's code (Karras et al. 2020; H = W there). Raises ConfigError for samples that are not images.
        """
        if self.gamma is not None:
            return
        if not data.is_image:
            raise ConfigError("gamma=auto is for images (C, H, W)", "Give gamma a number.")
        self.gamma = 0.0002 * data.shape[1] * data.shape[2] / batch

    def weighted(self, *squared_norms: Tensor) -> Tensor:
        """Squared gradient norms (N,) of one or more batches -> scalar."""
        assert self.gamma is not None, "an automatic gamma is settled before training"
        return 0.5 * self.gamma * torch.stack([norms.mean() for norms in squared_norms]).sum()


class R1(GradientNormPenalty):
    """gamma/2 E ||grad_x D(x)||^2 on real samples (Mescheder et al. 2018, equation 9).

    Computed every `interval` steps; the loop weighs it `interval` times then (lazy regularisation, Karras et al. 2020).
    With several logits their sum is differentiated.
    """

    inputs = frozenset({"real"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. `game.real` carries gradients and its judgement was computed from it."""
        return self.weighted(_squared_gradient(context.real_logits, context.real))


class R2(GradientNormPenalty):
    """gamma/2 E ||grad_x D(x)||^2 on generated samples (Mescheder et al. 2018, equation 10). See R1."""

    inputs = frozenset({"fake"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. `game.fake` carries gradients and its judgement was computed from it."""
        return self.weighted(_squared_gradient(context.fake_output.logits, context.fake))


class R1R2(GradientNormPenalty):
    """R1 + R2, which a relativistic loss needs both of to converge (R3GAN: Huang et al. 2024)."""

    inputs = frozenset({"real", "fake"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. Both batches carry gradients."""
        real = _squared_gradient(context.real_logits, context.real)
        return self.weighted(real, _squared_gradient(context.fake_output.logits, context.fake))


class GradientPenalty:
    """gamma E (||grad_u D(u)|| - 1)^2 at u = e x + (1 - e) G(z), e uniform in 0 to 1 (Gulrajani et al. 2017)."""

    inputs: frozenset[str] = frozenset()

    def __init__(self, config: GradientPenaltyConfig) -> None:
        self.gamma = config.gamma
        self.interval = config.interval

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real.detach(), context.fake.detach()
        ones = [1] * (real.dim() - 1)
        mix = per_sample(
            lambda m: torch.rand(m, *ones, generator=context.rng, dtype=torch.float64), len(real), context.rng
        ).to(real)
        between = (mix * real + (1 - mix) * fake).requires_grad_()
        # the root's slope is infinite at 0
        norm = (_squared_gradient(context.discriminate(between).logits, between) + 1e-12).sqrt()
        return self.gamma * (norm - 1).square().mean()


class Consistency:
    """gamma E (D(x) - D(T(x)))^2 on real and generated samples, T an augmentation of images in [-1, 1] (Zhang et al.
    2020, "Consistency regularization for generative adversarial networks"; on both: Zhao et al. 2021)."""

    inputs: frozenset[str] = frozenset()

    def __init__(self, config: ConsistencyConfig) -> None:
        self.gamma = config.gamma
        self.interval = config.interval
        self.kinds = parse(config.augment)

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. Raises ConfigError for samples that are not images."""
        if context.real.dim() != 4:
            raise ConfigError("core/consistency is for images (C, H, W)", "Use core/r1.")
        spec = DataSpec(tuple(context.real.shape[1:]))
        drawn = draw(self.kinds, len(context.real), spec, context.rng)
        total = context.real.new_zeros(())
        for x, logits in ((context.real, context.real_logits), (context.fake, context.fake_output.logits)):
            again = context.discriminate(augment(x.detach(), drawn, spec))
            total = total + (again.logits - logits).square().mean()
        return self.gamma * total


def _squared_gradient(logits: Tensor, x: Tensor) -> Tensor:
    """||grad_x sum of logits||^2 per sample, (N,), differentiable again."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1)
