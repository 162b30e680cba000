"""EWC: L2-SP with every weight's distance multiplied by its Fisher information."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    Side,
    Slot,
    TransferPlan,
    TransferStrategy,
    edit_each,
    evaluating,
    memoize,
    stream,
)
from zoo_transfer.configs.weights import EWCConfig
from zoo_transfer.l2_sp import WeightPenalty, buffer_name, start_edits

__all__ = ["EWC", "fisher_of"]


class EWC(TransferStrategy):
    """L_G += w sum_i F_i (theta_i - theta_start,i)^2, F the diagonal of the Fisher information (Li, Zhang, Lu and
    Shechtman 2020, "Few-shot image generation with elastic weight consolidation").

    F is that of the generator before training: with x ~ N(G(z), I) the score is J(z)^T e, e ~ N(0, I), so
    F = E (J^T e)^2. It is estimated with one e per code z of the prior and divided by its mean over all weights, so
    that `weight` can be compared with that of l2-sp.
    """

    slots = frozenset({Slot.LOSS})
    requires = frozenset()

    def __init__(self, config: EWCConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One loss for the generator; its buffers are filled from the generator as other strategies left it."""
        if not self.config.weight:
            return TransferPlan(gan)
        loss = WeightPenalty(gan.generator, Side.GENERATOR, self.config.weight, fisher=True)
        fisher = memoize(self._fisher_buffers)
        names = [buffer_name("fisher", name) for name, _ in gan.generator.named_parameters()]
        edits = start_edits(gan.generator, "generator")
        edits += edit_each("losses.generator", names, "fitted", "Fisher information of the generator", fisher)
        required_tensors = {"losses.generator": set(loss.state_dict())}
        return TransferPlan(gan, edits, losses={"generator": loss}, required_tensors=required_tensors)

    def noop_config(self) -> EWCConfig:
        """Weight 0."""
        return EWCConfig(weight=0.0)

    def _fisher_buffers(self, context: ApplyContext) -> dict[str, Tensor]:
        rng = stream(self.config.seed, "fisher/codes")
        codes = context.nets["prior"].sample(self.config.samples, rng)  # type: ignore[operator]
        fisher = fisher_of(context.nets["generator"], codes, self.config.seed)
        return {buffer_name("fisher", name): value for name, value in fisher.items()}


def fisher_of(generator: nn.Module, codes: Tensor, seed: int) -> dict[str, Tensor]:
    """The diagonal Fisher information of each weight over codes (N, *code_shape), scaled to a mean of 1 over all."""
    rng = stream(seed, "fisher/noise")
    weights = {name: weight for name, weight in generator.named_parameters() if weight.is_floating_point()}
    were_trained = {name: weight.requires_grad for name, weight in weights.items()}
    total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    with torch.enable_grad(), evaluating(generator):
        generator.requires_grad_(True)
        for code in codes.split(1):
            sample = generator(code.to(next(iter(weights.values())).device))
            noise = torch.randn(sample.shape, generator=rng).to(sample.device)
            scores = torch.autograd.grad((sample * noise).sum(), list(weights.values()), allow_unused=True)
            for name, score in zip(weights, scores, strict=True):
                if score is not None:
                    total[name] += score.square() / len(codes)
        for name, weight in weights.items():
            weight.requires_grad_(were_trained[name])
    mean = sum(float(value.sum()) for value in total.values()) / sum(value.numel() for value in total.values())
    return {name: value / max(mean, 1e-30) for name, value in total.items()}
