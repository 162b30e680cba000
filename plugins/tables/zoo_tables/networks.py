"""Networks of rows: dense layers, and a last layer that knows which values are numbers and which are categories."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from zoo.plugin import CompositionError, DataSpec, Encoder, Features, Generator, from_plain
from zoo_tables.columns import Block, TableConfig, blocks_of
from zoo_tables.config import RowEncoderConfig, RowGeneratorConfig

__all__ = ["RowEncoder", "RowGenerator", "blocks_in"]

_SLOPE = 0.2


def blocks_in(data: DataSpec, owner: str) -> list[Block]:
    """The blocks of a row. Raises CompositionError, naming `owner`, for samples that are no rows of a table."""
    if data.modality is None or data.modality.component != "tables/table":
        raise CompositionError(f"{owner} is for rows of a table, not {data}", "Give a CSV file, or another network.")
    config = from_plain(TableConfig, data.modality.config, "tables/table")
    if config.width != data.size:
        raise CompositionError(f"{owner}: the columns take {config.width} values, and samples have {data.size}")
    return blocks_of(config)


class RowEncoder(Encoder):
    """Rows (N, width) -> embedding (N, widths[-1]); stage i is (N, widths[i]). A category's weights in the first layer
    are its embedding."""

    def __init__(self, config: RowEncoderConfig, data: DataSpec) -> None:
        super().__init__()
        blocks_in(data, "encoder tables/rows")
        self.data = data
        self.stage_channels = config.widths
        self.embedding_shape = (config.widths[-1],)
        sizes = (data.size, *config.widths)
        self.layers = nn.ModuleList(nn.Sequential(_linear(a, b), nn.LeakyReLU(_SLOPE)) for a, b in pairwise(sizes))

    def features(self, x: Tensor) -> Features:
        """x (N, width) -> embedding and stages."""
        stages = []
        h = x
        for layer in self.layers:
            h = layer(h)  # (N, widths[i])
            stages.append(h)
        return Features(h, tuple(stages))

    def forward(self, x: Tensor) -> Tensor:
        """x (N, width) -> embedding (N, widths[-1])."""
        return self.features(x).embedding


class RowGenerator(Generator):
    """Codes (N, *code_shape) -> rows (N, width): numbers, and one category of each column that has some."""

    def __init__(self, config: RowGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.blocks = blocks_in(data, "generator tables/rows")
        self.data = data
        self.code_shape = code_shape
        sizes = (math.prod(code_shape), *config.widths)
        self.first: nn.Linear | None = _linear(*sizes[:2])
        self.rest = nn.Sequential(nn.LeakyReLU(_SLOPE))
        for a, b in pairwise(sizes[1:]):
            self.rest += nn.Sequential(_linear(a, b), nn.LeakyReLU(_SLOPE))
        self.last = _linear(sizes[-1], data.size, gain=1.0)

    def shares(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> (N, width): numbers, and the share of each category."""
        assert self.first is not None
        h = self.last(self.rest(self.first(z.flatten(1))))
        parts = [h[:, block.start : block.start + block.width] for block in self.blocks]
        return torch.cat(
            [
                part.softmax(1) if block.kind == "choice" else part
                for block, part in zip(self.blocks, parts, strict=True)
            ],
            1,
        )

    def forward(self, z: Tensor) -> Tensor:
        """z (N, *code_shape) -> x (N, width), a row as real ones are: 1 for the likeliest category, 0 for the others,
        with the gradient of the shares (straight-through: Bengio et al. 2013, "Estimating or propagating gradients
        through stochastic neurons")."""
        shares = self.shares(z)
        rows = []
        for block in self.blocks:
            part = shares[:, block.start : block.start + block.width]
            if block.kind == "choice":
                chosen = nn.functional.one_hot(part.argmax(1), block.width).to(part)
                part = chosen + (part - part.detach())
            rows.append(part)
        return torch.cat(rows, 1)


def _linear(a: int, b: int, gain: float | None = None) -> nn.Linear:
    """A linear layer with weights N(0, gain^2 / a) and zero bias (He et al. 2015, equation 10)."""
    layer = nn.Linear(a, b)
    nn.init.normal_(
        layer.weight, 0.0, (nn.init.calculate_gain("leaky_relu", _SLOPE) if gain is None else gain) / a**0.5
    )
    nn.init.zeros_(layer.bias)
    return layer
