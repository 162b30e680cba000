"""The control for everything that the encoder teaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    Slot,
    Source,
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
    """The later strategies read an encoder and a bottleneck that never learnt anything: the same code path, no
    knowledge. What a strategy gains over it is what the encoder had learnt."""

    slots = frozenset({Slot.SOURCE})
    requires: frozenset[Source] = frozenset()

    def __init__(self, config: RandomEncoderConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of a copy of the source; the GAN is not touched."""
        # not `seed` itself: the autoencoder may have been trained from that start
        seed = seed_of(self.config.seed, "random-encoder")
        fresh = memoize(
            lambda context: build_autoencoder(
                context.source.specs, context.source.data, context.source.latent_dim, seed=seed
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
        """Alone it is scratch: nothing reads the source."""
        return self.config
