"""The baseline: nothing is transferred."""

from __future__ import annotations

from zoo.plugin import GAN, Autoencoder, TransferPlan, TransferStrategy
from zoo_transfer.configs.controls import ScratchConfig

__all__ = ["Scratch"]


class Scratch(TransferStrategy):
    """The GAN as it was composed, planned and trained by the same code as with any other strategy."""

    slots = frozenset()
    requires = frozenset()

    def __init__(self, config: ScratchConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """No edits."""
        return TransferPlan(gan)

    def noop_config(self) -> ScratchConfig:
        """It is scratch."""
        return self.config
