"""Loss scaling for fp16 (Micikevicius et al. 2018, "Mixed precision training"), with its state in checkpoints."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["LossScale"]


class LossScale(nn.Module):
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
    assert isinstance(scale, LossScale)
    if scale.enabled:
        state = scale._scaler.state_dict()
        scale.scale.fill_(state["scale"])
        scale.growth.fill_(state["_growth_tracker"])


def _written(scale: nn.Module, incompatible: Any) -> None:
    assert isinstance(scale, LossScale)
    if scale.enabled:
        state = {"scale": scale.scale.item(), "_growth_tracker": int(scale.growth.item())}
        scale._scaler.load_state_dict(scale._scaler.state_dict() | state)
