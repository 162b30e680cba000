"""Weights held near where the transfer put them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    AuxiliaryLoss,
    Edit,
    Side,
    Slot,
    Source,
    StepContext,
    TransferPlan,
    TransferStrategy,
    edit_each,
    evaluating,
    memoize,
    stream,
)
from zoo_transfer.configs.weights import ElasticConfig, StartingPointConfig

__all__ = ["ElasticWeights", "StartingPoint", "WeightAnchor", "fisher_of"]


class WeightAnchor(AuxiliaryLoss):
    """sum_i F_i (theta_i - start_i)^2 over a net's weights; `start` and F (1 where none is given) are buffers.

    The net is not a child of this module: its weights are its own.
    """

    needs_images = False

    def __init__(self, net: nn.Module, side: Side, strength: float, *, fisher: bool) -> None:
        super().__init__()
        self.side = side
        self.strength = strength
        self.fisher = fisher
        self._net = (net,)
        for name, weight in net.named_parameters():
            self.register_buffer(_key("start", name), torch.zeros_like(weight.detach()))
            if fisher:
                self.register_buffer(_key("fisher", name), torch.zeros_like(weight.detach()))

    def weight(self, shown: int) -> float:
        """Constant."""
        return self.strength

    def forward(self, context: StepContext) -> Tensor:
        """Scalar; 0 at the start."""
        total = context.fake.new_zeros(())
        for name, weight in self._net[0].named_parameters():
            distance = (weight - getattr(self, _key("start", name))).square()
            total = total + ((getattr(self, _key("fisher", name)) * distance) if self.fisher else distance).sum()
        return total


class StartingPoint(TransferStrategy):
    """L += w sum_i (theta_i - theta_start,i)^2, for G, for D or for both (L2-SP: Li, Grandvalet and Davoine
    2018, "Explicit inductive bias for transfer learning with convolutional networks")."""

    slots = frozenset({Slot.LOSS})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: StartingPointConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A term for each side of weight above 0; its start is what the net holds once the transfer is applied."""
        planned = TransferPlan(gan)
        for side, strength in (
            (Side.GENERATOR, self.config.generator),
            (Side.DISCRIMINATOR, self.config.discriminator),
        ):
            if strength:
                net = gan.parts[side.value]
                planned.losses[side.value] = WeightAnchor(net, side, strength, fisher=False)
                planned.edits += _starts(net, side.value, f"losses.{side.value}")
                planned.required_tensors[f"losses.{side.value}"] = set(planned.losses[side.value].state_dict())
        return planned

    def noop_config(self) -> StartingPointConfig:
        """Weights 0."""
        return StartingPointConfig(generator=0.0, discriminator=0.0)


class ElasticWeights(TransferStrategy):
    """L_G += w sum_i F_i (theta_i - theta_start,i)^2, F the diagonal of the Fisher information (Li, Zhang, Lu and
    Shechtman 2020, "Few-shot image generation with elastic weight consolidation").

    F is the decoder's own: with x ~ N(G(z), I) the score is J(z)^T e, e ~ N(0, I), so F = E (J^T e)^2, estimated with
    one e per code z of the prior and divided by its mean, so that `weight` compares with l2-sp's.
    """

    slots = frozenset({Slot.LOSS})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: ElasticConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """One term for the generator."""
        if not self.config.weight:
            return TransferPlan(gan)
        term = WeightAnchor(gan.generator, Side.GENERATOR, self.config.weight, fisher=True)
        found = memoize(self._fisher_buffers)

        edits = _starts(gan.generator, "generator", "losses.generator")
        names = [_key("fisher", name) for name, _ in gan.generator.named_parameters()]
        edits += edit_each("losses.generator", names, "fitted", "Fisher information of the generator", found)
        required_tensors = {"losses.generator": set(term.state_dict())}
        return TransferPlan(gan, edits, losses={"generator": term}, required_tensors=required_tensors)

    def noop_config(self) -> ElasticConfig:
        """Weight 0."""
        return ElasticConfig(weight=0.0)

    def _fisher_buffers(self, context: ApplyContext) -> dict[str, Tensor]:
        rng = stream(self.config.seed, "fisher/codes")
        codes = context.nets["prior"].sample(self.config.samples, rng)  # type: ignore[operator]
        fisher = fisher_of(context.nets["generator"], codes, self.config.seed)
        return {_key("fisher", name): value for name, value in fisher.items()}


def fisher_of(generator: nn.Module, codes: Tensor, seed: int) -> dict[str, Tensor]:
    """The diagonal Fisher information of each weight over codes (N, latent_dim), its mean over all weights 1."""
    rng = stream(seed, "fisher/noise")
    named = {name: weight for name, weight in generator.named_parameters() if weight.is_floating_point()}
    flags = {name: weight.requires_grad for name, weight in named.items()}
    total = {name: torch.zeros_like(weight) for name, weight in named.items()}
    with torch.enable_grad(), evaluating(generator):
        generator.requires_grad_(True)
        for code in codes.split(1):
            sample = generator(code.to(next(iter(named.values())).device))
            noise = torch.randn(sample.shape, generator=rng).to(sample.device)
            scores = torch.autograd.grad((sample * noise).sum(), list(named.values()), allow_unused=True)
            for name, score in zip(named, scores, strict=True):
                if score is not None:
                    total[name] += score.square() / len(codes)
        for name, weight in named.items():
            weight.requires_grad_(flags[name])
    mean = sum(float(value.sum()) for value in total.values()) / sum(value.numel() for value in total.values())
    return {name: value / max(mean, 1e-30) for name, value in total.items()}


def _starts(net: nn.Module, role: str, loss: str) -> list[Edit]:
    def value_of(name: str) -> Callable[[ApplyContext], Tensor]:
        return lambda context: context.nets[role].state_dict()[name].clone()

    names = [name for name, _ in net.named_parameters()]
    return [Edit(loss, _key("start", name), "copied", f"{role}.{name}", value_of(name)) for name in names]


def _key(kind: str, name: str) -> str:
    return f"{kind}/{name.replace('.', '/')}"
