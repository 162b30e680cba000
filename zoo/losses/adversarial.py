"""Adversarial losses of D and of G on logits (higher is more real)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from zoo.losses.configs import (
    HingeConfig,
    LeastSquaresConfig,
    NonSaturatingConfig,
    RelativisticConfig,
    WassersteinConfig,
)
from zoo.losses.logits import over_groups
from zoo.losses.types import AdversarialObjective, StepContext

__all__ = ["Hinge", "LeastSquares", "NonSaturating", "Relativistic", "Wasserstein"]


class NonSaturating(AdversarialObjective):
    """D: -log s(D(x)) - log(1 - s(D(G(z)))); G: -log s(D(G(z))) (Goodfellow et al. 2014)."""

    def __init__(self, config: NonSaturatingConfig) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups(softplus(-real) + softplus(fake), context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(softplus(-context.fake_output.logits), context.groups)


class Relativistic(AdversarialObjective):
    """D: softplus(-(D(x) - D(G(z)))); G: softplus(-(D(G(z)) - D(x))), x and G(z) paired within the batch
    (Jolicoeur-Martineau 2018; as in R3GAN, Huang et al. 2024)."""

    paired = True

    def __init__(self, config: RelativisticConfig) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups(softplus(fake - real), context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups(softplus(real - fake), context.groups)


class Hinge(AdversarialObjective):
    """D: [1 - D(x)]_+ + [1 + D(G(z))]_+; G: -D(G(z)) (Lim and Ye 2017; Miyato et al. 2018)."""

    def __init__(self, config: HingeConfig) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups((1 - real).relu() + (1 + fake).relu(), context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(-context.fake_output.logits, context.groups)


class LeastSquares(AdversarialObjective):
    """D: ((D(x) - 1)^2 + D(G(z))^2) / 2; G: (D(G(z)) - 1)^2 / 2 (Mao et al. 2017)."""

    def __init__(self, config: LeastSquaresConfig) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups(0.5 * ((real - 1).square() + fake.square()), context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(0.5 * (context.fake_output.logits - 1).square(), context.groups)


class Wasserstein(AdversarialObjective):
    """D: D(G(z)) - D(x); G: -D(G(z)) (Arjovsky et al. 2017; Gulrajani et al. 2017 with core/gradient-penalty)."""

    def __init__(self, config: WassersteinConfig) -> None:
        super().__init__()

    def d_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        real, fake = context.real_logits, context.fake_output.logits
        return over_groups(fake - real, context.groups)

    def g_loss(self, context: StepContext) -> Tensor:
        """Scalar."""
        return over_groups(-context.fake_output.logits, context.groups)
