"""Any timm backbone as an encoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, WeightsOrigin, evaluating
from zoo_timm import backbone
from zoo_timm.config import TimmConfig
from zoo_timm.weights import fetch_weights

__all__ = ["TimmEncoder"]


class TimmEncoder(Encoder):
    """Images (N, C, H, W) in [data.low, data.high] -> embedding (N, stage_channels[-1] * h * w), h and w <= `grid`.

    Stage i is (N, stage_channels[i], H_i, W_i), fine to coarse; a plain ViT's stages have one size. Images are
    normalised to the mean and standard deviation that the backbone was trained with. Weights are fresh until `fetch` is
    called. Raises CompositionError for vectors and for images that the backbone cannot read.
    """

    def __init__(self, config: TimmConfig, data: DataSpec) -> None:
        super().__init__()
        if not data.is_spatial:
            raise CompositionError(
                f"timm/{config.name} reads images; asked: vectors of {data.size} values", "Use the component mlp."
            )
        self.config = config
        self.data = data
        colours, height, width = data.shape
        self.size = (height, width) if config.resize is None else (config.resize, config.resize)
        mean, std = backbone.statistics(config.name, colours)
        span = data.high - data.low
        # (x - low) / span, then (. - mean) / std, as one multiplication and one addition
        self.register_buffer("scale", torch.tensor([1 / (span * s) for s in std]).view(-1, 1, 1))
        self.register_buffer(
            "shift", torch.tensor([(-data.low / span - m) / s for m, s in zip(mean, std, strict=True)]).view(-1, 1, 1)
        )
        try:
            self.backbone = backbone.build(config.name, colours, self.size, config.stages)
            self.channels_last = backbone.channels_last(self.backbone)
            with torch.no_grad(), evaluating(self):
                maps = self._maps(self.scale.new_zeros(1, *data.shape))  # type: ignore[operator]
        except (AssertionError, IndexError, RuntimeError, ValueError, ZeroDivisionError) as error:
            raise _error(config, self.size, error) from error
        self.stage_channels = tuple(int(stage.shape[1]) for stage in maps)
        rows, columns = (min(config.grid, side) for side in maps[-1].shape[-2:])
        if rows < 1 or columns < 1:
            raise _error(config, self.size, ValueError("its coarsest map would be empty"))
        self.grid = (rows, columns)
        self.embedding_shape = (self.stage_channels[-1] * rows * columns,)

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        stages = self._maps(x)
        coarsest = stages[-1]
        if coarsest.shape[-2:] != self.grid:
            coarsest = F.adaptive_avg_pool2d(coarsest, self.grid)
        return Features(coarsest.flatten(1), stages)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding (N, *embedding_shape)."""
        return self.features(x).embedding

    def fetch(self) -> WeightsOrigin | None:
        """Load the pretrained weights that the config names, from timm's repository on the Hub or from the cache; None
        if it names none. Raises PluginError if they cannot be fetched."""
        if not self.config.pretrained:
            return None
        weights = fetch_weights(self.config.name, self.config.pretrained)
        pretrained = backbone.build(self.config.name, self.data.shape[0], self.size, self.config.stages, weights.file)
        self.backbone.load_state_dict(pretrained.state_dict())
        return weights.origin

    def _maps(self, x: Tensor) -> tuple[Tensor, ...]:
        x = x * self.scale + self.shift  # type: ignore[operator]
        if x.shape[-2:] != self.size:
            x = F.interpolate(x, self.size, mode="bilinear", align_corners=False, antialias=True)
        maps = self.backbone(x)
        if self.channels_last:
            maps = [stage.permute(0, 3, 1, 2) for stage in maps]  # (N, H, W, C) -> (N, C, H, W)
        return tuple(maps)


def _error(config: TimmConfig, size: tuple[int, int], error: Exception) -> CompositionError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    hint = "Set resize to a side that it reads, such as 224 (its images are then scaled), or use other stages."
    return CompositionError(f"timm/{config.name} cannot read {size[0]} x {size[1]} px images: {reason}", hint)
