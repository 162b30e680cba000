"""A strategy with a timed phase."""

from __future__ import annotations

from zoo.plugin import GAN, Autoencoder, Slot, TrainingPhase, TransferPlan, TransferStrategy
from zoo_timed.config import HoldGeneratorConfig

__all__ = ["HoldGenerator"]


class HoldGenerator(TransferStrategy):
    """The generator is frozen for a fraction of the run, so that an untrained discriminator does not spoil it."""

    slots = frozenset({Slot.FREEZE})
    requires = frozenset()

    def __init__(self, config: HoldGeneratorConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """No edits: the generator's parameters are frozen, and a phase trains them."""
        after = self.config.fraction
        if after == 0:
            return TransferPlan(gan)
        names = {name for name, _ in gan.generator.named_parameters()}
        return TransferPlan(
            gan,
            frozen={"generator": names},
            phases=[TrainingPhase(after, unfreezes={"generator": set(names)})],
            notes=[f"hold-generator: the generator learns once {after:.0%} of the run is over"],
        )

    def noop_config(self) -> HoldGeneratorConfig:
        """It is not held."""
        return HoldGeneratorConfig(fraction=0.0)
