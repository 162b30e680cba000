"""z -> dense layers -> a sample of any shape."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, output
from zoo_mlp.config import GeneratorConfig
from zoo_mlp.dense import dense, linear

__all__ = ["MlpGenerator"]


class MlpGenerator(Generator):
    """Codes (N, latent_dim) -> samples (N, *data.shape) within [data.low, data.high].

    `first` is the linear map that z enters; it is the only layer when `widths` is empty. A spectral norm
    on it would undo a map folded into it, so `first` is None then and the whole net is `rest`. The output
    layer is never normalised.
    """

    def __init__(self, config: GeneratorConfig, data: DataSpec, latent_dim: int) -> None:
        super().__init__()
        self.data = data
        self.latent_dim = latent_dim
        sizes = (latent_dim, *config.widths)
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            # The entry keeps its bias under batch norm too: a folded prior's mean goes there.
            layers += dense(a, b, config, bias=not layers)
        layers.append(linear(sizes[-1], data.size, gain=1.0))
        spectral = config.norm == "spectral" and bool(config.widths)
        self.first: nn.Linear | None = None if spectral else cast(nn.Linear, layers.pop(0))
        self.rest = nn.Sequential(*layers)
        self.output = output(data)

    def forward(self, z: Tensor) -> Tensor:
        """z (N, latent_dim) -> x (N, *data.shape)."""
        h = z if self.first is None else self.first(z)  # (N, widths[0])
        u = self.rest(h)  # (N, data.size)
        return cast(Tensor, self.output(u)).reshape(len(z), *self.data.shape)  # (N, *data.shape)
