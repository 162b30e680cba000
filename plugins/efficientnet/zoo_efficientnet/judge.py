"""A feature space for photographs: the last features of EfficientNet-Lite0."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo_efficientnet.config import JudgeConfig
from zoo_efficientnet.network import LiteNetwork
from zoo_efficientnet.weights import ORIGIN, load_pretrained

__all__ = ["EfficientNetFeatures"]

_SMALLEST, _LARGEST = 112, 224
_CHUNK = 16
"""Images at once: with 64, memory is asked for and given back all the time, and a CPU takes twice as long."""


class EfficientNetFeatures(nn.Module):
    """Images (N, C, H, W) in [-1, 1] -> (N, 1280): pooled features of an ImageNet classifier.

    Other channels than three are averaged into grey. Images whose shorter side is below 112 px are enlarged to it,
    those whose shorter side is over 224 px are made smaller (bilinear, with antialiasing). Pixels become (x - 127) /
    128. Raises PluginError or IntegrityError if the weights are missing or are other ones.
    """

    dim = 1280

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.sha256 = ORIGIN.sha256
        self.network = LiteNetwork()
        load_pretrained(self.network)
        self.to(memory_format=torch.channels_last).requires_grad_(False).eval()

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """The features of images in [-1, 1]."""
        parts = [self.network.pooled(_prepared(part)) for part in images.split(_CHUNK)]
        return torch.cat(parts) if parts else images.new_zeros(0, self.dim)


def _prepared(images: Tensor) -> Tensor:
    grey = images.shape[1] != 3
    x = (images.mean(1, keepdim=True).expand(-1, 3, -1, -1) if grey else images).float()
    height, width = x.shape[-2:]
    side = min(max(min(height, width), _SMALLEST), _LARGEST)
    if side != min(height, width):
        scale = side / min(height, width)
        size = (round(height * scale), round(width * scale))
        x = interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
    return ((x + 1) * 127.5 - 127) / 128
