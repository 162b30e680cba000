"""Settings that follow a measured figure of the steps: an early-stopped warm-up, an adaptive augmentation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from zoo.protocols import Steered

__all__ = ["Steering"]


class Steering(nn.Module):
    """Hands each steered setting the mean of its figure over its `every` steps.

    Sums stay on the device; the mean is read in `_read` alone, which is where processes that share a run have to agree
    on it. The sums and what the settings keep are buffers, so a resumed run steers as if it had not been cut.
    """

    def __init__(self, steered: Mapping[str, nn.Module], device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.names = tuple(steered)
        self.steered = nn.ModuleList(steered.values())
        self.register_buffer("sums", torch.zeros(len(steered), device=device))
        self.register_buffer("counts", torch.zeros(len(steered), dtype=torch.int64, device="cpu"))

    @torch.no_grad()
    def after(self, figures: Mapping[str, Tensor], since: Mapping[str, int], batch: int) -> None:
        """Follow a step of `batch` images that gave `figures` (scalars). `since` says for each setting how many images
        its own clock counts with this step; one that is not named is not in play yet."""
        sums, counts = cast(Tensor, self.sums), cast(Tensor, self.counts)
        for i, (name, module) in enumerate(zip(self.names, self.steered, strict=True)):
            setting = cast(Steered, module)
            shown = since.get(name)
            if shown is None or setting.figure not in figures or not setting.wants(shown - batch):
                continue
            sums[i] += figures[setting.figure]
            counts[i] += 1
            steps = int(counts[i])
            if steps >= setting.every:
                setting.follow(self._read(sums[i] / steps), shown, steps * batch)
                sums[i], counts[i] = 0.0, 0

    def _read(self, mean: Tensor) -> float:
        """The one place where a measured figure leaves the device and steers the run."""
        return mean.item()
