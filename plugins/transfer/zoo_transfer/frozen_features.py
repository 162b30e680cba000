"""A frozen encoder's view of a batch, computed once for both players."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from zoo.plugin import Encoder

__all__ = ["FrozenFeatures"]

_KEPT = 2
"""Batches that are remembered: a real and a generated one."""


class _Seen(NamedTuple):
    """A batch, what the encoder looked like, and the stages; `leaf` is where their own graph ends, None without one."""

    x: Tensor
    version: int
    versions: tuple[int, ...]
    stages: tuple[Tensor, ...]
    leaf: Tensor | None


class _Linked(torch.autograd.Function):
    """Stages that were computed before, as a function of x: the gradient goes through the graph kept with them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, seen: _Seen) -> tuple[Tensor, ...]:
        ctx.seen = seen
        return tuple(stage.detach().clone() for stage in seen.stages)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        (slope,) = torch.autograd.grad(ctx.seen.stages, ctx.seen.leaf, slopes)
        return slope, None


class FrozenFeatures:
    """The stages of a frozen encoder. D's step and G's step judge the same images and the encoder does not change in
    between: the second look costs nothing and gives the same bits.

    A batch is known again by its memory, its version and the encoder's weights. Nothing is kept outside training.
    """

    def __init__(self) -> None:
        self._seen: list[_Seen] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenFeatures:
        """Empty: what is kept belongs to a graph."""
        return FrozenFeatures()

    def __getstate__(self) -> dict[str, Any]:
        """Empty, as for a copy."""
        return {"_seen": []}

    def stages(self, encoder: nn.Module, x: Tensor, training: bool) -> tuple[Tensor, ...]:
        """x (N, *data.shape) -> the encoder's stages, fine to coarse; differentiable by x. A gradient that is to be
        differentiated again (R1) is possible where x carried it at the first look."""
        frozen = cast(Encoder, encoder)
        if not training or not torch.is_grad_enabled():
            return frozen.features(x).stages
        versions = tuple(weight._version for weight in encoder.parameters())
        found = next((seen for seen in self._seen if _same(seen, x) and seen.versions == versions), None)
        if found is not None and not x.requires_grad:
            return tuple(stage.detach() for stage in found.stages)
        if found is not None and found.leaf is not None:
            self._seen = [seen for seen in self._seen if seen is not found]
            return cast(tuple[Tensor, ...], _Linked.apply(x, found))
        if x.requires_grad:
            stages = frozen.features(x).stages
            self._keep(_Seen(x.detach(), x._version, versions, tuple(stage.detach() for stage in stages), None))
            return stages
        leaf = x.detach().requires_grad_()
        stages = frozen.features(leaf).stages
        self._keep(_Seen(x, x._version, versions, stages, leaf))
        return tuple(stage.detach() for stage in stages)

    def _keep(self, seen: _Seen) -> None:
        self._seen = [*self._seen[-(_KEPT - 1) :], seen]


def _same(seen: _Seen, x: Tensor) -> bool:
    """Whether x is the place in memory that was seen, and was not written since. `seen.x` keeps that memory from being
    given to another batch."""
    return (
        seen.x.data_ptr() == x.data_ptr()
        and seen.version == x._version
        and seen.x.shape == x.shape
        and seen.x.stride() == x.stride()
        and seen.x.dtype == x.dtype
    )
