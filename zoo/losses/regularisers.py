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
    """The base class of R1 and R2, with their weight `gamma` and `interval` in steps."""

    def __init__(self, config: R1Config) -> None:
        self.gamma: float | None = None if config.gamma == "auto" else config.gamma
        self.interval = config.interval

    def prepare(self, data: DataSpec, batch: int) -> None:
        """Set an automatic gamma before training: 0.0002 H W / batch, the heuristic of StyleGAN2-ADA's code (Karras et
        al. 2020; H = W there). Raises ConfigError for samples that are not images."""
        if self.gamma is not None:
            return
        if not data.is_spatial:
            raise ConfigError("gamma=auto is for images (C, H, W)", "Give gamma a number.")
        self.gamma = 0.0002 * data.shape[1] * data.shape[2] / batch

    def weighted(self, *squared_norms: Tensor) -> Tensor:
        """gamma/2 times the sum of the means of squared gradient norms (N,), one tensor per batch; a scalar."""
        assert self.gamma is not None, "prepare comes first"
        return 0.5 * self.gamma * torch.stack([norms.mean() for norms in squared_norms]).sum()


class R1(GradientNormPenalty):
    """gamma/2 E ||grad_x D(x)||^2 on real samples (Mescheder et al. 2018, equation 9).

    It is computed every `interval` steps with `interval` times the weight (lazy regularisation, Karras et al. 2020).
    The gradient is that of the sum of all logits.
    """

    inputs = frozenset({"real"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. `context.real` must require gradients, and its logits must be computed from it."""
        return self.weighted(_squared_gradient(context.real_logits, context.real))


class R2(GradientNormPenalty):
    """gamma/2 E ||grad_x D(x)||^2 on generated samples (Mescheder et al. 2018, equation 10). See R1."""

    inputs = frozenset({"fake"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. `context.fake` must require gradients, and its logits must be computed from it."""
        return self.weighted(_squared_gradient(context.fake_output.logits, context.fake))


class R1R2(GradientNormPenalty):
    """R1 + R2: a relativistic loss needs both to converge (R3GAN: Huang et al. 2024)."""

    inputs = frozenset({"real", "fake"})

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. Both batches must require gradients."""
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
        # the square root's derivative is infinite at 0
        norm = (_squared_gradient(context.discriminate(between).logits, between) + 1e-12).sqrt()
        return self.gamma * (norm - 1).square().mean()


class Consistency:
    """gamma E (D(x) - D(T(x)))^2 on real and generated samples, where T is an augmentation of images in [-1, 1] (Zhang
    et al. 2020, "Consistency regularization for generative adversarial networks"; on both: Zhao et al. 2021)."""

    inputs: frozenset[str] = frozenset()

    def __init__(self, config: ConsistencyConfig) -> None:
        self.gamma = config.gamma
        self.interval = config.interval
        self.augment = config.augment
        self.kinds = parse(config.augment)

    def prepare(self, data: DataSpec, batch: int) -> None:
        """Raises ConfigError for samples that are not images, or whose channels are no colours."""
        if not data.is_spatial:
            raise _no_images()
        self.kinds = parse(self.augment, data.kind)

    def penalty(self, context: StepContext) -> Tensor:
        """Scalar. Raises ConfigError for samples that are not images."""
        if context.real.dim() != 4:  # a strategy's discriminator may see codes
            raise _no_images()
        spec = DataSpec(tuple(context.real.shape[1:]))
        sampled = draw(self.kinds, len(context.real), spec, context.rng)
        total = context.real.new_zeros(())
        for x, logits in ((context.real, context.real_logits), (context.fake, context.fake_output.logits)):
            augmented = context.discriminate(augment(x.detach(), sampled, spec))
            total = total + (augmented.logits - logits).square().mean()
        return self.gamma * total


def _no_images() -> ConfigError:
    return ConfigError("core/consistency is for images (C, H, W)", "Use core/r1.")


def _squared_gradient(logits: Tensor, x: Tensor) -> Tensor:
    """||grad_x (sum of logits)||^2 per sample, (N,), differentiable."""
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().flatten(1).sum(1)
