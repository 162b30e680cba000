"""The control: nothing moves."""

from __future__ import annotations

from zoo.plugin import GAN, Autoencoder, Slot, Source, TransferPlan, TransferStrategy
from zoo_transfer.configs.controls import ScratchConfig

__all__ = ["Scratch"]


class Scratch(TransferStrategy):
    """The GAN as it was composed, through the same code path as every strategy."""

    slots: frozenset[Slot] = frozenset()
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: ScratchConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """No edits."""
        return TransferPlan(gan)

    def noop_config(self) -> ScratchConfig:
        """It is scratch."""
        return self.config
