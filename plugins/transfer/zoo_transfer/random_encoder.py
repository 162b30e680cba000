"""The control for everything that the encoder teaches."""

from __future__ import annotations

from zoo._utils.seeds import seed_of
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.density import memoize
from zoo.transfers.plan import ApplyContext, Edit, Slot, Source, TransferPlan
from zoo_transfer.configs.controls import RandomEncoderConfig

__all__ = ["RandomEncoder"]


class RandomEncoder:
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
            lambda values: build_autoencoder(
                values.source.specs, values.source.data, values.source.latent_dim, seed=seed
            )
        )

        def edit(role: str, tensor: str) -> Edit:
            def value(values: ApplyContext):  # type: ignore[no-untyped-def]
                return fresh(values).parts[role].state_dict()[tensor]

            return Edit(f"source.{role}", tensor, "fresh", "random encoder", value)

        edits = [edit(role, name) for role in ("encoder", "bottleneck") for name in source.parts[role].state_dict()]
        note = "control: the encoder and the bottleneck were replaced by untrained ones before anything was read"
        return TransferPlan(gan, edits, notes=[note])

    def noop_config(self) -> RandomEncoderConfig:
        """Alone it is scratch: nothing reads the source."""
        return self.config
