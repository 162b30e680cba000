"""A feature space for metrics: the mean of a pretrained timm backbone's coarsest feature map."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from timm.models import get_pretrained_cfg, list_pretrained
from torch import Tensor, nn

from zoo.plugin import ConfigError, DataError, DataSpec
from zoo_timm import backbone
from zoo_timm.config import TimmConfig, TimmSpaceConfig
from zoo_timm.encoder import TimmEncoder
from zoo_timm.weights import fetch_weights

__all__ = ["TimmSpace"]


class TimmSpace(nn.Module):
    """A `zoo.plugin.FeatureSpace`: images `(N, C, H, W)` in [-1, 1] -> `(N, dim)` float32.

    One channel is repeated, three are taken as RGB, any other number is averaged to grey. Images are resized to `side`
    (bilinear, with antialiasing). `sha256` is that of the file of weights. Raises ConfigError for a backbone without
    pretrained weights: metrics in untrained features could not be compared.
    """

    def __init__(self, config: TimmSpaceConfig) -> None:
        super().__init__()
        file = _file(config)
        self.sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        side = config.side
        self.net = TimmEncoder(TimmConfig(config.name, grid=1, resize=side), DataSpec((3, side, side)))
        # a file of one's own has no classifier, which timm would require
        pretrained = backbone.build(config.name, 3, (side, side), None, None if config.weights else file)
        if config.weights:
            pretrained.load_state_dict(load_file(file), strict=True)
        self.net.backbone.load_state_dict(pretrained.state_dict())
        self.net.requires_grad_(False).eval()
        self.dim = math.prod(self.net.embedding_shape)

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """The features of images in [-1, 1]. Raises DataError for vectors."""
        if images.dim() != 4:
            raise DataError(f"this judge measures images (N, C, H, W), got a tensor of shape {list(images.shape)}")
        if images.shape[1] not in (1, 3):
            images = images.mean(1, keepdim=True)
        out: Tensor = self.net(images.float().expand(-1, 3, -1, -1))
        return out


def _file(config: TimmSpaceConfig) -> Path:
    if config.weights:
        path = Path(config.weights).expanduser()
        if not path.is_file():
            raise ConfigError(f"timm/{config.name}: there is no file of weights {path}")
        return path
    tags = [full.partition(".")[2] for full in list_pretrained(f"{config.name}.*")]
    standard = get_pretrained_cfg(config.name)
    tag = config.pretrained or (standard.tag if standard is not None and standard.tag in tags else "")
    if not tag:
        raise ConfigError(f"timm/{config.name} has no pretrained weights to judge by", "Choose another backbone.")
    return fetch_weights(config.name, tag).file
