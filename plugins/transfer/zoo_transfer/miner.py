"""A small net in front of the generator that finds where in its codes the target lies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Generator,
    PartSpec,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    build_part,
    normalise,
    to_plain,
)
from zoo_transfer.configs.discriminators import MinedGeneratorConfig, MinerConfig
from zoo_transfer.latent_gan import dense
from zoo_transfer.teachers import device_of

__all__ = ["MinedGenerator", "Miner"]


class MinedGenerator(Generator):
    """x = G(u + a M(u)). M's last layer starts at 0, so that mining starts from G itself."""

    def __init__(self, config: MinedGeneratorConfig, data: DataSpec, latent_dim: int) -> None:
        super().__init__()
        self.data = data
        self.latent_dim = latent_dim
        self.first: nn.Linear | None = None  # u enters twice: no one layer takes a linear map of it
        self.strength = config.strength
        self.miner = dense((latent_dim, *config.widths, latent_dim))
        last = self.miner[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        device = torch.get_default_device().type
        self.generator = build_part("generator", config.generator, "generator", data, latent_dim, device=device)

    def forward(self, z: Tensor) -> Tensor:
        """u (N, latent_dim) -> x (N, *data.shape)."""
        return self.generator(z + self.strength * self.miner(z))


class Miner(TransferStrategy):
    """The generator is kept and a miner learns which of its codes look like the target (MineGAN: Wang et al. 2020).
    For few images; use it with `decoder-init`. It cannot leave the range of the generator unless `freeze` is
    false."""

    slots = frozenset({Slot.WRAP})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: MinerConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """A generator around the one that is there."""
        config = self.config
        settings = MinedGeneratorConfig(gan.specs["generator"], config.widths, config.strength)
        spec = normalise("generator", PartSpec("transfer/miner", to_plain(settings)))
        mined = build_part(
            "generator", spec, "miner", gan.data, gan.latent_dim, seed=config.seed, device=device_of(gan)
        )
        frozen = {f"generator.{name}" for name in gan.generator.state_dict()} if config.freeze else set()
        mined.generator = gan.generator
        return TransferPlan(
            GAN(gan.prior, mined, gan.discriminator, gan.specs | {"generator": spec}),
            frozen={"generator": frozen} if frozen else {},
            wraps={"generator": "generator"},
        )

    def noop_config(self) -> MinerConfig:
        """The miner times 0, and a generator that learns."""
        return MinerConfig(strength=0.0, freeze=False)
