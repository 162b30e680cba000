"""Weights that learn together: one optimiser, one loss scale, one step of a batch however it is cut."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from zoo.training import distributed as ranks
from zoo.training.devices import Engine

__all__ = ["Balance", "GradScalerState", "ParameterOptimizer", "clip_to_second_moment", "grad_norm"]


class ParameterOptimizer:
    """Adam with the learning rate `rate` and `betas`, fused; `limit` holds gradients to Adam's memory of them
    (`clip_to_second_moment`), 0 does not. `adam` is None until there are weights."""

    def __init__(self, engine: Engine, rate: float, betas: tuple[float, float], limit: float = 0.0) -> None:
        self.engine = engine
        self.rate = rate
        self.betas = betas
        self.limit = limit
        self.weights: list[nn.Parameter] = []
        self.adam: torch.optim.Adam | None = None
        self.scale = GradScalerState(engine.device, enabled=engine.settings.precision == "fp16")

    def add_parameters(self, weights: Iterable[nn.Parameter]) -> None:
        """Take on those that are not here yet."""
        held = {id(weight) for weight in self.weights}
        new = [weight for weight in weights if id(weight) not in held]
        self.weights += new
        if new and self.adam is not None:
            self.adam.add_param_group({"params": new})
        elif new:
            self.adam = torch.optim.Adam(new, self.rate, self.betas, fused=True)

    def set_lr(self, factor: float) -> bool:
        """Multiply the learning rate for the next step; whether anything moves at all."""
        if self.adam is None:
            return False
        for group in self.adam.param_groups:
            group["lr"] = self.rate * factor
        return self.rate * factor > 0

    def step(self, parts: Iterable[tuple[Tensor, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
        """Go backward from the loss of each part of this process's share of a batch, average gradients and scalars over
        parts and processes, and move. Gives the scalars with `gradient`, the norm of all gradients, and, where a limit
        holds them, `held`."""
        assert self.adam is not None
        share = 1 / self.engine.accumulate
        means: dict[str, Tensor] = {}
        for weight in self.weights:
            weight.grad = None
        for loss, scalars in parts:
            # only the weights: a penalty differentiates by images too
            self.scale.scaled(loss * share).backward(inputs=self.weights)
            means = {key: means.get(key, 0) + share * value for key, value in scalars.items()}
        slopes = [weight.grad for weight in self.weights if weight.grad is not None]
        means = ranks.reduce(slopes, means)
        self.scale.unscale(self.adam)
        means["gradient"] = self.scale.seen(torch.nn.utils.get_total_norm(slopes))
        if self.limit:
            means["held"] = clip_to_second_moment(self.adam, self.weights, self.limit)
        self.scale.step(self.adam)
        return means


@torch.no_grad()
def clip_to_second_moment(adam: torch.optim.Optimizer, weights: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale the gradients down, all by one factor, to at most `limit` times the norm that `adam` remembers: the root of
    its summed second moments, corrected for their start. Gives 1 where it did, else 0, as a scalar on the device.

    Like Adafactor's update clipping (Shazeer and Stern 2018) it measures a step against the second moments; but here
    the gradient is held before they see it, so that an outlier does not slow the steps after it. Nothing is held before
    Adam's first step, nor where all it remembers is 0. It keeps no state of its own.
    """
    held = [weight for weight in weights if weight.grad is not None and weight in adam.state]
    slopes = [weight.grad for weight in held if weight.grad is not None]
    if not slopes:
        return torch.zeros(())
    beta2 = adam.param_groups[0]["betas"][1]
    states = [adam.state[weight] for weight in held]
    sums = torch.stack(torch._foreach_norm([state["exp_avg_sq"] for state in states], 1))  # none is below 0
    steps = torch.stack([state["step"] for state in states]).to(sums)
    remembered = (sums / (1 - beta2**steps)).sum().sqrt()
    factor = limit * remembered / torch.nn.utils.get_total_norm(slopes)
    factor = torch.where(remembered > 0, factor, 1.0).clamp(max=1.0)
    torch._foreach_mul_(slopes, factor)
    return (factor < 1).float()


class GradScalerState(nn.Module):
    """torch's GradScaler for one optimiser; its state are the buffers `scale` and `growth`. Does nothing when not
    enabled."""

    scale: Tensor
    growth: Tensor

    def __init__(self, device: torch.device, *, enabled: bool) -> None:
        super().__init__()
        self.enabled = enabled
        self._scaler = torch.amp.GradScaler(device.type, enabled=enabled)
        if enabled:
            self.register_buffer("scale", torch.tensor(self._scaler.get_scale()))
            self.register_buffer("growth", torch.tensor(0))
        self.register_state_dict_pre_hook(_read)
        self.register_load_state_dict_post_hook(_written)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to go backward from."""
        return self._scaler.scale(loss) if self.enabled else loss

    def unscale(self, optimiser: torch.optim.Optimizer) -> None:
        """Gradients as they are."""
        if self.enabled:
            self._scaler.unscale_(optimiser)

    def seen(self, norm: Tensor) -> Tensor:
        """A gradient's norm; 0 for a step that is left out, because a gradient was too large for fp16."""
        return torch.where(torch.isfinite(norm), norm, 0.0) if self.enabled else norm

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """A step of the optimiser, left out where a gradient is not finite."""
        if self.enabled:
            self._scaler.step(optimiser)
            self._scaler.update()
        else:
            optimiser.step()


def _read(scale: nn.Module, prefix: str, keep_vars: bool) -> None:
    assert isinstance(scale, GradScalerState)
    if scale.enabled:
        state = scale._scaler.state_dict()
        scale.scale.fill_(state["scale"])
        scale.growth.fill_(state["_growth_tracker"])


def _written(scale: nn.Module, incompatible: Any) -> None:
    assert isinstance(scale, GradScalerState)
    if scale.enabled:
        state = {"scale": scale.scale.item(), "_growth_tracker": int(scale.growth.item())}
        scale._scaler.load_state_dict(scale._scaler.state_dict() | state)


_KEEP = 0.9
_EVERY = 16


class Balance(nn.Module):
    """What a term is multiplied by so that its gradient's norm is `share` of the side's own loss's.

    A `AuxiliaryLoss` that has one as its `balance` is measured by the loop at every 16th step, the first one too, before its own
    weight: two more backward passes there, and nothing is read from the device. Both norms, over the side's weights, go
    into moving averages of the last ten measurements or so; the factor is `share` times their ratio (in which the
    averages' start at 0 cancels), and 1 until both are above 0. They are buffers, so a resumed run goes on exactly.

    Like the adaptive weight of VQGAN (Esser et al. 2021, "Taming transformers for high-resolution image synthesis"),
    but over all weights instead of the last layer's, and averaged. With a batch cut into parts every part is measured;
    with several processes their mean counts.
    """

    norms: Tensor

    def __init__(self, share: float, every: int = _EVERY) -> None:
        super().__init__()
        self.share = share
        self.every = every
        self.register_buffer("norms", torch.zeros(2))

    def due(self, step: int) -> bool:
        """Whether the step number `step`, from 0, is measured."""
        return step % self.every == 0

    @torch.no_grad()
    def update(self, main: Tensor, own: Tensor) -> None:
        """Take the norms of two gradients, scalars on the device: the side's own loss's, and the term's."""
        self.norms.lerp_(ranks.averaged(torch.stack([main, own]).float()).to(self.norms), 1 - _KEEP)

    @property
    def factor(self) -> Tensor:
        """Scalar."""
        main, own = self.norms.unbind()
        return torch.where((main > 0) & (own > 0), self.share * main / own, 1.0)


def grad_norm(loss: Tensor, weights: Sequence[nn.Parameter]) -> Tensor:
    """The norm of the loss's gradient by the weights; the graph stays. 0 where the loss does not depend on them."""
    if not loss.requires_grad:
        return loss.new_zeros(())
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    parts = [part for part in cast(Sequence[Tensor | None], found) if part is not None]
    return torch.nn.utils.get_total_norm(parts) if parts else loss.new_zeros(())
