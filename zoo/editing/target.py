"""What codes are compared with: images, by their pixels and by features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.editing.space import CodeSpace

__all__ = ["Target", "Terms", "feature_distance", "psnr"]


class Terms(NamedTuple):
    """Of each image (N,): what is minimised, the squared error with images in [0, 1], and the feature distance (NaN
    if it was not computed)."""

    loss: Tensor
    error: Tensor
    features: Tensor


class Target(NamedTuple):
    """Images (N, *output.shape) that codes (N, *code_shape) are to give, and their condition (N, ...) or None."""

    codes: Tensor
    images: Tensor
    condition: Tensor | None

    def rows(self, rows: slice | Tensor) -> Target:
        """Those rows alone."""
        return Target(self.codes[rows], self.images[rows], None if self.condition is None else self.condition[rows])

    def objective(self, space: CodeSpace, weight: float, *, measure: bool = False) -> Callable[[Tensor], Terms]:
        """The terms of codes against the images: the squared error plus `weight` times the feature distance, which is
        computed if it counts or with `measure`, and if there is a network of features; differentiable."""
        images = self.images.to(space.device)
        condition = None if self.condition is None else self.condition.to(space.device)
        stages = space.stages if weight or measure else None
        wanted: Sequence[Tensor] = ()
        if stages is not None:
            with torch.no_grad():
                wanted = stages(space.owner.from_output(self.images).to(space.device))

        def terms(codes: Tensor) -> Terms:
            samples = space.samples(codes, condition)
            error = squared_error(space, space.to_images(samples), images)
            if stages is None or not wanted:
                return Terms(error, error, torch.full_like(error, torch.nan))
            features = feature_distance(stages(samples), wanted)
            return Terms(error + weight * features, error, features)

        return terms


def squared_error(space: CodeSpace, ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean squared error (N,) of images (N, *output.shape) as values in [0, 1]."""
    return ((ours - theirs) / (space.output.high - space.output.low)).square().flatten(1).mean(1)


def psnr(error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of squared errors of images in [0, 1]: 10 log10(1 / error)."""
    return -10 * error.clamp(min=1e-12).log10()


def feature_distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """The distance (N,) of feature stages (N, C, ...), from 0 to 4: at each place the squared distance of features of
    length 1, as a mean over places and stages (LPIPS without learned weights; Zhang et al. 2018, eq. 1)."""
    each = [
        (_unit(a) - _unit(b)).square().sum(1).reshape(len(a), -1).mean(1) for a, b in zip(ours, theirs, strict=True)
    ]
    return torch.stack(each).mean(0)


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + 1e-6)
