"""The decoder becomes the generator."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.protocols import Slot, Source, Transfer
from zoo.transfers.bridges import carry
from zoo_transfer.config import DecoderInitConfig

__all__ = ["DecoderInit", "WarmStart"]


@dataclass(frozen=True, slots=True)
class WarmStart:
    """0 while `warmup` images are shown, then linearly from `start` to 1 over `ramp` images."""

    warmup: int
    ramp: int
    start: float

    def __call__(self, shown: int) -> float:
        """The multiplier after `shown` images."""
        if shown < self.warmup:
            return 0.0
        done = min(1.0, (shown - self.warmup) / self.ramp) if self.ramp else 1.0
        return self.start + (1.0 - self.start) * done


class DecoderInit:
    """theta_G := theta_Dec, so that G(z) = Dec(z) bit for bit before training (Mariani et al. 2018, "BAGAN", section 3;
    dos Santos et al. 2019, "Learning implicit generative models by matching perceptual features").

    The prior must be where the decoder was trained: N(0, I) for a VAE; for other autoencoders add `gaussian-prior` or
    `gmm-prior`. A generator of other widths, channels, value range or depth is filled through bridges. A fresh
    discriminator soon ruins a good generator: give it `warmup_images` alone, and the generator a slow start.
    """

    fills = frozenset({Slot.GENERATOR, Slot.SCHEDULE})
    uses = frozenset({Source.DECODER})

    def __init__(self, config: DecoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> Transfer:
        """Every tensor of the generator gets a value, or those that the bridges reach."""
        edits = carry(source.decoder, "decoder", gan.generator, "generator")
        config = self.config
        planned = Transfer(gan, edits, promised={"generator": {edit.tensor for edit in edits}})
        if source.latent_dim != gan.latent_dim:
            sizes = f"{gan.latent_dim} values a code, the decoder {source.latent_dim}"
            planned.notes.append(
                f"decoder-init: the generator has {sizes}: its first layer is gaussian-prior's to fill"
            )
        if config.warmup_images or config.ramp_images:
            start = config.ramp_start if config.ramp_images else 1.0
            planned.schedules["generator.lr"] = [WarmStart(config.warmup_images, config.ramp_images, start)]
        return planned

    def neutral(self) -> None:
        """None: the copy is the strategy. Given the scratch generator's own weights as a decoder it equals scratch."""
