"""The control: nothing moves."""

from __future__ import annotations

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.plan import Slot, Source, Transfer
from zoo_transfer.configs.controls import ScratchConfig

__all__ = ["Scratch"]


class Scratch:
    """The GAN as it was composed, through the same code path as every strategy."""

    fills: frozenset[Slot] = frozenset()
    uses: frozenset[Source] = frozenset()

    def __init__(self, config: ScratchConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """No edits."""
        return Transfer(gan)

    def neutral(self) -> ScratchConfig:
        """It is scratch."""
        return self.config
