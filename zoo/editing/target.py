"""What codes are compared with: images, by their pixels and by features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.editing.space import CodeSpace

__all__ = ["Objective", "Target", "Terms", "feature_distance", "pixel_residuals", "psnr"]


class Terms(NamedTuple):
    """Of each code (M,): what is minimised, the squared error with images in [0, 1], and the feature distance (NaN if
    it was not computed); and `residuals` (M, R), whose squares add up to what is minimised."""

    loss: Tensor
    error: Tensor
    features: Tensor
    residuals: Tensor


Objective = Callable[[Tensor, Tensor], Terms]
"""Codes (M, *code_shape), and of each the row (M,) of the image that it is for -> their terms; differentiable."""


class Target(NamedTuple):
    """Images (N, *output.shape) that codes (N, *code_shape) are to give, and their condition (N, ...) or None."""

    codes: Tensor
    images: Tensor
    condition: Tensor | None

    def rows(self, rows: slice | Tensor) -> Target:
        """Those rows alone."""
        return Target(self.codes[rows], self.images[rows], None if self.condition is None else self.condition[rows])

    def every(self, space: CodeSpace) -> Tensor:
        """The numbers of all rows, where the generator is."""
        return torch.arange(len(self.codes), device=space.device)

    def objective(self, space: CodeSpace, weight: float, *, measure: bool = False) -> Objective:
        """The terms of codes against the images: the squared error plus `weight` times the feature distance, which is
        computed if it counts or with `measure`, and if there is a network of features."""
        images = self.images.to(space.device)
        condition = None if self.condition is None else self.condition.to(space.device)
        stages = space.stages if weight or measure else None
        wanted: Sequence[Tensor] = ()
        if stages is not None:
            with torch.no_grad():
                wanted = stages(space.owner.from_output(self.images).to(space.device))

        def terms(codes: Tensor, rows: Tensor) -> Terms:
            samples = space.samples(codes, None if condition is None else condition[rows])
            residuals = pixel_residuals(space, space.to_images(samples), images[rows])
            error = residuals.square().sum(1)
            if stages is None or not wanted:
                return Terms(error, error, torch.full_like(error, torch.nan), residuals)
            of_features = feature_residuals(stages(samples), [stage[rows] for stage in wanted])
            features = of_features.square().sum(1)
            both = torch.cat([residuals, weight**0.5 * of_features], 1) if weight else residuals
            return Terms(error + weight * features, error, features, both)

        return terms


def pixel_residuals(space: CodeSpace, ours: Tensor, theirs: Tensor) -> Tensor:
    """The differences (N, values) of images (N, *output.shape) as values in [0, 1], over the root of their number."""
    difference = ((ours - theirs) / (space.output.high - space.output.low)).flatten(1)
    return difference / difference.shape[1] ** 0.5


def squared_error(space: CodeSpace, ours: Tensor, theirs: Tensor) -> Tensor:
    """The mean squared error (N,) of images (N, *output.shape) as values in [0, 1]."""
    return pixel_residuals(space, ours, theirs).square().sum(1)


def psnr(error: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of squared errors of images in [0, 1]: 10 log10(1 / error)."""
    return -10 * error.clamp(min=1e-12).log10()


def feature_distance(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """The distance (N,) of feature stages (N, C, ...), from 0 to 4: at each place the squared distance of features of
    length 1, as a mean over places and stages (LPIPS without learned weights; Zhang et al. 2018, eq. 1)."""
    return feature_residuals(ours, theirs).square().sum(1)


def feature_residuals(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """What `feature_distance` adds up the squares of, (N, values)."""
    each = [
        (_unit(a) - _unit(b)).flatten(1) / (a[0, 0].numel() * len(ours)) ** 0.5
        for a, b in zip(ours, theirs, strict=True)
    ]
    return torch.cat(each, 1)


def _unit(features: Tensor) -> Tensor:
    return features / (features.norm(dim=1, keepdim=True) + 1e-6)
