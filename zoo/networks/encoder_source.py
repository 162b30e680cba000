"""An encoder without a bottleneck and a decoder: a transfer can use one beside its autoencoder."""

from __future__ import annotations

from torch import Tensor, nn

from zoo.networks.types import Encoder, Features
from zoo.types import DataSpec, Origin, PartSpec

__all__ = ["EncoderSource"]


class EncoderSource(nn.Module):
    """x -> features. `specs` maps the role encoder to the component that it was built from, as an autoencoder's does;
    `origin` is None, because no release holds an encoder alone."""

    origin: Origin | None = None

    def __init__(self, encoder: Encoder, spec: PartSpec) -> None:
        super().__init__()
        self.encoder = encoder
        self.specs = {"encoder": spec}

    @property
    def data(self) -> DataSpec:
        """Shape and value range of a sample."""
        return self.encoder.data

    @property
    def parts(self) -> dict[str, nn.Module]:
        """The module by its role."""
        return {"encoder": self.encoder}

    def features(self, x: Tensor) -> Features:
        """x (N, *data.shape) in the value range -> embedding and stages; differentiable, in the current mode."""
        return self.encoder.features(x)
