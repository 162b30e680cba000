"""A small network in front of the generator that finds the codes of the target's images."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Generator,
    Slot,
    TransferPlan,
    TransferStrategy,
    build_part,
    condition_arguments,
    takes_condition,
)
from zoo_transfer.configs.wrappers import MinedGeneratorConfig, MinerConfig
from zoo_transfer.gan_parts import with_component
from zoo_transfer.latent_gan import dense

__all__ = ["MinedGenerator", "Miner"]


class MinedGenerator(Generator):
    """x = G(u + a M(u)). M's last layer starts at 0, so that training starts from G itself."""

    def __init__(self, config: MinedGeneratorConfig, data: DataSpec, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.data = data
        self.code_shape = code_shape
        self.first: nn.Linear | None = None  # u enters G and M: a linear map of u cannot be folded into one layer
        self.strength = config.strength
        d = math.prod(code_shape)
        self.miner = dense((d, *config.widths, d))
        last = self.miner[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        device = torch.get_default_device().type
        self.generator = build_part("generator", config.generator, "generator", data, code_shape, device=device)

    @property
    def conditional(self) -> bool:  # type: ignore[override]
        """Whether G takes a condition."""
        return takes_condition(self.generator)

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """u (N, *code_shape) -> x (N, *data.shape)."""
        mined = z + self.strength * self.miner(z.flatten(1)).view_as(z)
        return self.generator(mined, *condition_arguments(self.generator, condition))


class Miner(TransferStrategy):
    """G := G(u + a M(u)) with a trained miner M, which finds the codes whose images look like the target's (MineGAN:
    Wang et al. 2020, "MineGAN: effective knowledge transfer from GANs to target domains with few images").

    Meant for few images, together with `decoder-init`. While G is frozen, its range limits what can be generated; set
    `freeze` to false to train it too.
    """

    slots = frozenset({Slot.WRAP})
    requires = frozenset()

    def __init__(self, config: MinerConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator that wraps the GAN's own; no edits."""
        config = self.config
        settings = MinedGeneratorConfig(gan.specs["generator"], config.widths, config.strength)
        frozen = {f"generator.{name}" for name in gan.generator.state_dict()}
        return TransferPlan(
            with_component(gan, "generator", "miner", settings, inner="generator", seed=config.seed),
            frozen={"generator": frozen} if config.freeze else {},
            wraps={"generator": "generator"},
        )

    def noop_config(self) -> MinerConfig:
        """The miner times 0, and a trained generator."""
        return MinerConfig(strength=0.0, freeze=False)
