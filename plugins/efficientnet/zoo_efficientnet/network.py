"""EfficientNet-Lite0: inverted residual blocks with ReLU6 and without squeeze-and-excitation (Tan and Le 2019; the Lite
variant is Google's, 2020). Padding is TensorFlow's, as its weights were trained with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from torch import Tensor, nn
from torch.nn.functional import pad

__all__ = ["WIDTHS", "LiteNetwork"]

_STAGES = ((1, 3, 1, 16), (6, 3, 2, 24), (6, 5, 2, 40), (6, 3, 2, 80), (6, 5, 1, 112), (6, 5, 2, 192), (6, 3, 1, 320))
"""Expansion, kernel, stride and channels of the blocks of each stage."""

_LITE0 = (1, 2, 2, 3, 3, 4, 1)

_LAST = (0, 1, 2, 4, 6)
"""The last stage at each side of the map; its output is a feature."""

WIDTHS = (16, 24, 40, 112, 320)
"""The channels of the features at a half, a quarter, ... a 32nd of the image's side."""


class LiteNetwork(nn.Module):
    """Normalised images (N, 3, H, W) -> features (N, WIDTHS[i], H / 2^(i + 1), W / 2^(i + 1)), rounded up.

    `counts` is the number of blocks of each stage, by default that of Lite0; Lite1 has (1, 3, 3, 4, 4, 5, 1).
    """

    def __init__(self, counts: Sequence[int] = _LITE0) -> None:
        super().__init__()
        self.stem = _Layer(3, 32, 3, 2)
        blocks = []
        width = 32
        for (expansion, kernel, stride, channels), count in zip(_STAGES, counts, strict=True):
            for number in range(count):
                blocks.append(_Block(width, channels, kernel, stride if number == 0 else 1, expansion))
                width = channels
        self.blocks = nn.ModuleList(blocks)
        ends = list(accumulate(counts))
        self.ends = frozenset(ends[stage] - 1 for stage in _LAST)
        self.head = _Layer(width, 1280, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        stages = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.ends:
                stages.append(x)
        return tuple(stages)

    def pooled(self, x: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> (N, 1280): the head's features, averaged over places."""
        pooled: Tensor = self.head(self(x)[-1]).mean((2, 3))
        return pooled


class _Layer(nn.Module):
    """Convolution, batch norm with the running statistics in every mode, and ReLU6 unless `linear`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, linear: bool = False
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.linear = kernel, stride, linear
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def train(self, mode: bool = True) -> _Layer:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        down, across = (self._missing(side) for side in x.shape[-2:])
        x = pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        x = self.norm(self.conv(x))
        return x if self.linear else x.clamp(0, 6)

    def _missing(self, side: int) -> int:
        """How much padding a side needs for an output of side / stride, rounded up."""
        return max((-(-side // self.stride) - 1) * self.stride + self.kernel - side, 0)


class _Block(nn.Module):
    """Widen, filter each channel, narrow; plus the input if neither side nor channels change."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _Layer(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _Layer(inner, inner, kernel, stride, groups=inner)
        self.project = _Layer(inner, outputs, 1, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y
