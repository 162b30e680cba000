"""A judge must not be the judged: the features of the nets that were trained are refused."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from zoo.errors import ConfigError
from zoo.metrics.types import FeatureSpace

__all__ = ["refuse_own_features"]

_LEAST = 64
"""A tensor with fewer values (a bias of zeros) may be equal by chance."""


def refuse_own_features(space: FeatureSpace, nets: Mapping[str, nn.Module], name: str = "") -> None:
    """Raise ConfigError where a tensor of weights of `space` is, value for value, one of `nets`.

    A GAN learns to please the features that its discriminator has, or began from, so distances in them flatter it
    (Kynkäänniemi et al. 2023, "The Role of ImageNet Classes in FID").
    """
    if not isinstance(space, nn.Module):
        return
    own = [p for p in space.parameters() if p.numel() >= _LEAST and p.unique().numel() > 1]
    for role, net in nets.items():
        for key, theirs in net.named_parameters():
            if any(p.shape == theirs.shape and torch.equal(p.cpu(), theirs.detach().cpu()) for p in own):
                raise ConfigError(
                    f"the features of {name or type(space).__name__} are those of the model's own {role} ({key}): they "
                    "cannot judge it",
                    "Use another metric: zoo components metric",
                )
