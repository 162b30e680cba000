"""A discriminator of patches (PatchGAN: Isola et al. 2017, "Image-to-image translation with conditional adversarial
networks"), with GroupNorm in place of batch norm, so that a logit does not depend on the other images of a batch, and
He's initialisation in place of N(0, 0.02^2): with such small weights it did not learn at an autoencoder's rates."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Discriminator, DiscriminatorOutput
from zoo_spatial.config import PatchConfig

__all__ = ["PatchDiscriminator"]

_GROUPS = 4
_MOST_TIMES = 8
_SLOPE = 0.2


class PatchDiscriminator(Discriminator):
    """Samples (N, C, H, W) -> a map of logits, flattened: (N, h w) in one group, with h = H / 2^layers - 2, rounded
    down. Stage i is the output of the convolution at 2^(i + 1) times smaller a side. Raises CompositionError for
    samples without a place or too small for a logit."""

    def __init__(self, config: PatchConfig, data: DataSpec) -> None:
        super().__init__()
        smallest = 3 * 2**config.layers
        if not data.is_spatial or min(data.shape[1:]) < smallest:
            raise CompositionError(
                f"a patch discriminator with layers={config.layers} takes samples (C, H, W) with sides of at least "
                f"{smallest}; asked: {list(data.shape)}",
                "Give it fewer layers, or larger samples: layers=1 takes sides from 6, layers=2 from 12.",
            )
        self.data = data
        widths = [config.width * min(2**i, _MOST_TIMES) for i in range(config.layers + 1)]
        before = (data.shape[0], *widths)
        self.levels = nn.ModuleList(_level(before[i], width, 2, i > 0) for i, width in enumerate(widths[:-1]))
        self.last = nn.Sequential(_level(before[-2], widths[-1], 1, True), _conv(widths[-1], 1, 1))
        height, width = (side // 2**config.layers - 2 for side in data.shape[1:])
        self.logit_groups = (height * width,)

    def discriminate(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """x (N, *data.shape) -> logits (N, h w) and stages."""
        if self.data.bounded:
            x = (x - self.data.low) * (2 / (self.data.high - self.data.low)) - 1
        stages = []
        for level in self.levels:
            x = level(x)
            stages.append(x)
        return DiscriminatorOutput(self.last(x).flatten(1), tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, *data.shape) -> logits (N, h w)."""
        return self.discriminate(x).logits


def _level(before: int, after: int, stride: int, norm: bool) -> nn.Sequential:
    norms = [nn.GroupNorm(_GROUPS, after)] if norm else []
    return nn.Sequential(_conv(before, after, stride), *norms, nn.LeakyReLU(_SLOPE))


def _conv(before: int, after: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(before, after, 4, stride=stride, padding=1)
    nn.init.kaiming_normal_(layer.weight, _SLOPE)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
