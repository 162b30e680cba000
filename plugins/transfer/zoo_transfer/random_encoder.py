"""A control for strategies that use the encoder: a random one in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    Slot,
    TransferPlan,
    TransferStrategy,
    build_autoencoder,
    edit_each,
    memoize,
    seed_of,
)
from zoo_transfer.configs.controls import RandomEncoderConfig

__all__ = ["RandomEncoder"]


class RandomEncoder(TransferStrategy):
    """Enc := an untrained encoder and bottleneck, for the strategies that come after it. What such a strategy gains
    over this control is due to the encoder's training."""

    slots = frozenset({Slot.SOURCE})
    requires = frozenset()

    def __init__(self, config: RandomEncoderConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of a copy of the source; none of the GAN."""
        # not `seed` itself: the autoencoder may have been trained from the same initial weights
        seed = seed_of(self.config.seed, "random-encoder")
        fresh = memoize(
            lambda context: build_autoencoder(
                context.source.specs, context.source.data, context.source.code_shape, seed=seed
            )
        )

        def state_of(role: str) -> Callable[[ApplyContext], Mapping[str, Tensor]]:
            return lambda context: fresh(context).parts[role].state_dict()

        edits = [
            edit
            for role in ("encoder", "bottleneck")
            for edit in edit_each(
                f"source.{role}", source.parts[role].state_dict(), "fresh", "random encoder", state_of(role)
            )
        ]
        note = "control: the encoder and the bottleneck were replaced by untrained ones before anything was read"
        return TransferPlan(gan, edits, notes=[note])

    def noop_config(self) -> RandomEncoderConfig:
        """Alone it is scratch, as nothing reads the source."""
        return self.config
