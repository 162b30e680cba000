"""EfficientNet-Lite0 as an encoder."""

from __future__ import annotations

from torch import Tensor

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, WeightsOrigin
from zoo_efficientnet.config import EncoderConfig
from zoo_efficientnet.network import WIDTHS, LiteNetwork
from zoo_efficientnet.weights import ORIGIN, load_pretrained

__all__ = ["EfficientNetEncoder"]

_SMALLEST = 16


class EfficientNetEncoder(Encoder):
    """Images (N, C, H, W) in [data.low, data.high], grey or RGB -> embedding (N, 320): the last stage, averaged.

    Stage i is (N, 16 to 320, H / 2^(i + 1), W / 2^(i + 1)), rounded up. Batch norm uses its running statistics in every
    mode. Raises CompositionError for other samples, and for images under 16 px.
    """

    def __init__(self, config: EncoderConfig, data: DataSpec) -> None:
        super().__init__()
        if not data.is_image or not data.bounded or data.shape[0] not in (1, 3) or min(data.shape[1:]) < _SMALLEST:
            raise CompositionError(
                f"efficientnet reads grey or RGB images of {_SMALLEST} px and more; asked: {data}", "Use dcgan."
            )
        self.config = config
        self.data = data
        self.stage_channels = WIDTHS
        self.embedding_shape = (WIDTHS[-1],)
        self.network = LiteNetwork()
        del self.network.head  # the stages end before it

    def fetch(self) -> WeightsOrigin | None:
        """Load the ImageNet weights; None if the settings ask for fresh ones."""
        if not self.config.pretrained:
            return None
        pretrained = LiteNetwork()
        load_pretrained(pretrained)
        del pretrained.head
        self.network.load_state_dict(pretrained.state_dict())
        return ORIGIN

    def features(self, x: Tensor) -> Features:
        """x (N, C, H, W) -> embedding and stages."""
        x = (x.expand(-1, 3, -1, -1) - self.data.low) / (self.data.high - self.data.low)
        stages = self.network((x * 255 - 127) / 128)
        return Features(stages[-1].mean((2, 3)), stages)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, H, W) -> embedding (N, 320)."""
        return self.features(x).embedding
