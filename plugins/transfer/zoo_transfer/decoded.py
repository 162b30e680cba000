"""A generator of codes before the decoder that makes images of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import DataSpec, Generator, build_part, condition_arguments, takes_condition
from zoo_transfer.configs.finetune import DecodedGeneratorConfig
from zoo_transfer.gan_parts import drawn_seed

__all__ = ["DecodedGenerator"]


class DecodedGenerator(Generator):
    """x = decoder(offset + scale generator(z)). The inner generator makes standardised codes, `offset` and `scale` are
    those of their channels: (c, 1, ...) for codes (c, ...)."""

    offset: Tensor
    scale: Tensor

    def __init__(self, config: DecodedGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        seed, device = drawn_seed(), torch.get_default_device().type
        codes = DataSpec(config.codes, kind="code", bounded=False, condition=data.condition)
        self.generator = build_part(
            "generator", config.generator, "generator", codes, code_shape, seed=seed, device=device
        )
        self.decoder = build_part("generator", config.decoder, "decoder", data, config.codes, seed=seed, device=device)
        channels = (config.codes[0], *[1] * (len(config.codes) - 1))
        self.register_buffer("offset", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))

    @property
    def first(self) -> nn.Linear | None:  # type: ignore[override]
        """The first layer of the generator of codes."""
        layer: nn.Linear | None = self.generator.first
        return layer

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether the generator of codes takes a condition."""
        return takes_condition(self.generator)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """z (N, *code_shape) -> x (N, *data.shape)."""
        codes = self.generator(z, *condition_arguments(self.generator, condition))
        decoded: Tensor = self.decoder(self.offset + self.scale * codes)
        return decoded
