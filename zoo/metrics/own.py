"""Refuse to measure a model in features that it was trained with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import nn

from zoo.errors import ConfigError
from zoo.metrics.types import FeatureSpace
from zoo.types import WeightsOrigin

__all__ = ["refuse_own_features"]

_HINT = "Use another metric: zoo components metric"

_MIN_VALUES = 64
"""A smaller tensor (a bias of zeros) may be equal by chance."""


def refuse_own_features(
    space: FeatureSpace, nets: Mapping[str, nn.Module], origins: Iterable[WeightsOrigin] = (), name: str = ""
) -> None:
    """Raise ConfigError if `origins` (the pretrained weights that a model began with or that its losses used) have the
    digest of the weights of `space`, or if a weight tensor of `space` equals one of `nets`, value for value.

    A GAN learns to match the features of its discriminator, or those that it was initialised from, so distances in them
    are too small (Kynkäänniemi et al. 2023, "The Role of ImageNet Classes in FID").
    """
    name = name or type(space).__name__
    for origin in origins:
        if origin.sha256 == space.sha256:
            raise ConfigError(
                f"the features of {name} are those of weights that the model was trained with ({origin}): they cannot "
                "measure it",
                _HINT,
            )
    if not isinstance(space, nn.Module):
        return
    weights = [p for p in space.parameters() if p.numel() >= _MIN_VALUES and p.unique().numel() > 1]
    for role, net in nets.items():
        for key, weight in net.named_parameters():
            if any(p.shape == weight.shape and torch.equal(p.cpu(), weight.detach().cpu()) for p in weights):
                raise ConfigError(
                    f"the features of {name} are those of the model's own {role} ({key}): they cannot measure it",
                    _HINT,
                )
