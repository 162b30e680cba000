"""Adam for one set of parameters, with micro-batches, fp16 loss scaling, several processes and a gradient limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo._utils import distributed
from zoo.training.devices import Engine

__all__ = ["GradScalerState", "ParameterOptimizer", "clip_to_second_moment", "grad_norm"]


class ParameterOptimizer:
    """Fused Adam (learning rate `lr`, `betas`), used like any optimizer of torch: `zero_grad`, `backward` once a
    micro-batch, `step`. `adam` is None until there are parameters.

    `gradient_limit` clips gradients (`clip_to_second_moment`; 0: never). `prefix` begins the names of the scalars that
    `step` adds.
    """

    def __init__(
        self, engine: Engine, lr: float, betas: tuple[float, float], *, gradient_limit: float = 0.0, prefix: str = ""
    ) -> None:
        self.engine = engine
        self.lr = lr
        self.betas = betas
        self.gradient_limit = gradient_limit
        self.prefix = prefix
        self.parameters: list[nn.Parameter] = []
        self.adam: torch.optim.Adam | None = None
        self.scaler = GradScalerState(engine.device, enabled=engine.settings.precision == "fp16")
        self._scalars: dict[str, Tensor] = {}

    def add_parameters(self, parameters: Iterable[nn.Parameter]) -> None:
        """Optimize these too; those that are here already are left as they are."""
        known = {id(weight) for weight in self.parameters}
        new = [weight for weight in parameters if id(weight) not in known]
        self.parameters += new
        if new and self.adam is not None:
            self.adam.add_param_group({"params": new})
        elif new:
            self.adam = torch.optim.Adam(new, self.lr, self.betas, fused=True)

    def set_lr(self, factor: float) -> bool:
        """Multiply the learning rate by `factor` for the next step. Returns whether that step changes anything."""
        if self.adam is None:
            return False
        for group in self.adam.param_groups:
            group["lr"] = self.lr * factor
        return self.lr * factor > 0

    def zero_grad(self) -> None:
        """Begin a step: drop all gradients and logged scalars."""
        self._scalars = {}
        for weight in self.parameters:
            weight.grad = None

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss as it is differentiated: multiplied by the loss scale in fp16."""
        return self.scaler.scaled(loss)

    def backward(self, loss: Tensor, scalars: Mapping[str, Tensor]) -> None:
        """Add a micro-batch's gradients and scalars to those of the step, each weighted by its share of the batch."""
        share = 1 / self.engine.accumulate
        # only the parameters: a penalty differentiates by images too
        self.scaled(loss * share).backward(inputs=self.parameters)
        self._scalars = {key: self._scalars.get(key, 0) + share * value for key, value in scalars.items()}

    def step(self) -> dict[str, Tensor]:
        """Average over processes and update the parameters. Returns the mean scalars with `gradient`, the norm of all
        gradients, and, with a limit, `held`: 1 if they were clipped, else 0."""
        assert self.adam is not None, "an optimizer without parameters takes no step"
        gradients = [weight.grad for weight in self.parameters if weight.grad is not None]
        scalars = distributed.all_reduce_step(gradients, self._scalars)
        self.scaler.unscale(self.adam)
        scalars[f"{self.prefix}gradient"] = self.scaler.finite_or_zero(torch.nn.utils.get_total_norm(gradients))
        if self.gradient_limit:
            scalars[f"{self.prefix}held"] = clip_to_second_moment(self.adam, self.parameters, self.gradient_limit)
        self.scaler.step(self.adam)
        return scalars

    def state_dict(self) -> dict[str, Tensor]:
        """Adam's state as flat tensors, `<parameter index>.<key>`; learning rates are not state."""
        state = self.adam.state_dict()["state"] if self.adam is not None else {}
        return {f"{index}.{key}": torch.as_tensor(value) for index, row in state.items() for key, value in row.items()}

    def load_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Restore what `state_dict` returned."""
        if self.adam is None:
            return
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = tensor
        self.adam.load_state_dict({"state": state, "param_groups": self.adam.state_dict()["param_groups"]})


@torch.no_grad()
def clip_to_second_moment(adam: torch.optim.Optimizer, parameters: Sequence[nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients by one factor, so that their norm is at most `limit` times the norm that Adam expects: the
    root of its summed, bias-corrected second moments. Returns 1 if it clipped, else 0, as a scalar on the device.

    With beta1 = 0 and beta2 = 0.999 one step is up to sqrt(1 / (1 - beta2)) = 31 learning rates long if a gradient is
    large beside those before it. A transferred GAN starts near an equilibrium: gradients stay small and Adam forgets
    larger ones, until one jump of G gives D such a gradient, D's step gives G a larger one, and four steps later both
    networks diverge (docs/runs.md). Like Adafactor's update clipping (Shazeer and Stern 2018) this compares with the
    second moments, but clips before they are updated, so that an outlier does not slow the steps after it. Nothing is
    clipped before Adam's first step, nor if its second moments are all 0. It has no state of its own.
    """
    updated = [weight for weight in parameters if weight.grad is not None and weight in adam.state]
    gradients = [weight.grad for weight in updated if weight.grad is not None]
    if not gradients:
        return torch.zeros(())
    beta2 = adam.param_groups[0]["betas"][1]
    states = [adam.state[weight] for weight in updated]
    sums = torch.stack(torch._foreach_norm([state["exp_avg_sq"] for state in states], 1))  # none is below 0
    steps = torch.stack([state["step"] for state in states]).to(sums)
    expected = (sums / (1 - beta2**steps)).sum().sqrt()
    factor = limit * expected / torch.nn.utils.get_total_norm(gradients)
    factor = torch.where(expected > 0, factor, 1.0).clamp(max=1.0)
    torch._foreach_mul_(gradients, factor)
    return (factor < 1).float()


class GradScalerState(nn.Module):
    """torch's GradScaler for one optimizer (loss scaling for fp16: Micikevicius et al. 2018, "Mixed precision
    training"), with its state in the buffers `scale` and `growth`. It does nothing unless `enabled`."""

    scale: Tensor
    growth: Tensor

    def __init__(self, device: torch.device, *, enabled: bool) -> None:
        super().__init__()
        self.enabled = enabled
        self._scaler = torch.amp.GradScaler(device.type, enabled=enabled)
        if enabled:
            self.register_buffer("scale", torch.tensor(self._scaler.get_scale()))
            self.register_buffer("growth", torch.tensor(0))
            self.register_state_dict_pre_hook(_read_scaler)
            self.register_load_state_dict_post_hook(_write_scaler)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to differentiate."""
        return self._scaler.scale(loss) if self.enabled else loss

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Divide the gradients by the scale."""
        if self.enabled:
            self._scaler.unscale_(optimizer)

    def finite_or_zero(self, norm: Tensor) -> Tensor:
        """A gradient's norm; 0 if the step is skipped because a gradient overflowed fp16."""
        return torch.where(torch.isfinite(norm), norm, 0.0) if self.enabled else norm

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of the optimizer, skipped if a gradient is not finite."""
        if self.enabled:
            self._scaler.step(optimizer)
            self._scaler.update()
        else:
            optimizer.step()


def _read_scaler(module: nn.Module, prefix: str, keep_vars: bool) -> None:
    assert isinstance(module, GradScalerState)
    state = module._scaler.state_dict()
    module.scale.fill_(state["scale"])
    module.growth.fill_(state["_growth_tracker"])


def _write_scaler(module: nn.Module, incompatible: Any) -> None:
    assert isinstance(module, GradScalerState)
    state = {"scale": module.scale.item(), "_growth_tracker": int(module.growth.item())}
    module._scaler.load_state_dict(module._scaler.state_dict() | state)


def grad_norm(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    """The norm of the loss's gradient by the parameters; the graph is kept. 0 if the loss does not depend on them."""
    if not loss.requires_grad:
        return loss.new_zeros(())
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    present = [gradient for gradient in gradients if gradient is not None]
    return torch.nn.utils.get_total_norm(present) if present else loss.new_zeros(())
