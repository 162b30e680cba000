"""Checks of feature spaces: pinned weights, and features that depend on the image alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo import plugins
from zoo._utils.seeds import stream
from zoo.metrics.types import FeatureSpace
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import COMPONENT_CHECKS, Check
from zoo.testing.conformance.modules import assert_close

__all__ = ["METRIC_CHECKS", "MetricCase"]

_SHAPES = ((1, 8, 8), (3, 32, 32), (4, 48, 40))
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class MetricCase(ComponentCase):
    """A feature space."""

    kind = "metric"

    def images(self, n: int, shape: tuple[int, ...] = (3, 32, 32)) -> Tensor:
        """n noisy images (n, *shape) in [-1, 1]."""
        return 2 * torch.rand(n, *shape, generator=stream(n, "images")) - 1


def its_weights_are_named_by_their_digest(case: MetricCase) -> None:
    """`sha256` is a SHA-256 and the same for every build with the same settings; `dim` is a positive integer."""
    first, second = case.build(), case.build()
    plugins.require(case.registered, first, FeatureSpace)
    assert _SHA256.fullmatch(first.sha256), f"sha256 is {first.sha256!r}"
    assert first.sha256 == second.sha256, "two builds have different digests"
    assert type(first.dim) is int, f"dim is {first.dim!r}"
    assert first.dim >= 1, f"dim is {first.dim}"


def two_builds_compute_the_same_features(case: MetricCase) -> None:
    """The features do not depend on the state of the random generator at the build."""
    x = case.images(2)
    first, second = (case.build(seed).features(x) for seed in (0, 1))
    assert torch.equal(first, second), "two builds compute different features"


def features_have_the_declared_shape(case: MetricCase) -> None:
    """(N, dim), float32, finite and without gradients, for 1, 2 and 3 images of several channel counts and sizes."""
    space = case.build()
    for shape in _SHAPES:
        for n in (1, 2, 3):
            features = space.features(case.images(n, shape))
            assert features.shape == (n, space.dim), f"features of {n} images {shape} are {tuple(features.shape)}"
            assert features.dtype == torch.float32, f"features are {features.dtype}"
            assert features.isfinite().all(), "a feature is not finite"
            assert not features.requires_grad, "the features require gradients"


def features_are_the_images_own(case: MetricCase) -> None:
    """Two passes are bitwise equal, other images in the batch change an image's features by rounding only, different
    images have different features, and the images are not changed."""
    space, x = case.build(), case.images(4)
    before = x.clone()
    together = space.features(x)
    assert torch.equal(together, space.features(x)), "the same pass, repeated, gives different features"
    assert torch.equal(x, before), "it changed the images in place"
    alone = torch.cat([space.features(x[i : i + 1]) for i in range(len(x))])
    assert_close(together, alone, 1e-4, f"features of images in a batch of {len(x)} and of each alone")
    assert len(together.unique(dim=0)) == len(x), "different images have the same features"


METRIC_CHECKS: tuple[Check, ...] = (
    *COMPONENT_CHECKS,
    its_weights_are_named_by_their_digest,
    two_builds_compute_the_same_features,
    features_have_the_declared_shape,
    features_are_the_images_own,
)
