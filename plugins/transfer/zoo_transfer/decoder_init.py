"""The decoder becomes the generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from zoo.plugin import (
    GAN,
    Autoencoder,
    FeedbackSchedule,
    Schedule,
    Slot,
    Source,
    TransferPlan,
    TransferStrategy,
    activation_mismatch,
    map_weights,
)
from zoo_transfer.configs.weights import DecoderInitConfig

__all__ = ["DecoderInit", "Resized", "WarmStart", "warm_start"]


class WarmStart(FeedbackSchedule):
    """0 while `warmup` images are shown, then linearly from `start` to 1 over `ramp` images.

    The warm-up ends early once D ranks more than `accuracy` of the pairs (real, generated) right; 1 never ends it. When
    it ended is a buffer, so a resumed run remembers.
    """

    figure = "d_wins"
    every = 4
    ended: Tensor

    def __init__(self, warmup: int, ramp: int, start: float, accuracy: float = 1.0) -> None:
        super().__init__()
        self.warmup = warmup
        self.ramp = ramp
        self.start = start
        self.accuracy = accuracy
        self.register_buffer("ended", torch.tensor(warmup, device="cpu"))  # read at every step: never on a GPU

    def forward(self, shown: int) -> float:
        """The multiplier after `shown` images."""
        ended = int(self.ended)
        if shown < ended:
            return 0.0
        done = min(1.0, (shown - ended) / self.ramp) if self.ramp else 1.0
        return self.start + (1.0 - self.start) * done

    def wants(self, shown: int) -> bool:
        """While D learns alone, unless nothing ends that early."""
        return self.accuracy < 1.0 and shown < int(self.ended)

    def update(self, value: float, shown: int, images: int) -> None:
        """`value`: the share of pairs that D ranks right."""
        if value > self.accuracy:
            self.ended.fill_(shown)


class Resized(nn.Module):
    """A source code as the z of a generator with more values (zeros are added) or fewer (the last ones go)."""

    def __init__(self, source_dim: int, latent_dim: int) -> None:
        super().__init__()
        self.added = latent_dim - source_dim

    def forward(self, code: Tensor) -> Tensor:
        """(N, source_dim) -> (N, latent_dim)."""
        return pad(code, (0, self.added))


class DecoderInit(TransferStrategy):
    """theta_G := theta_Dec, so that G(z) = Dec(z) bit for bit before training (Mariani et al. 2018, "BAGAN"; dos Santos
    et al. 2019, "Learning implicit generative models by matching perceptual features").

    The prior must be where the decoder was trained: N(0, I) for a VAE; for other autoencoders add `gaussian-prior` or
    `gmm-prior`. A generator of other widths, channels, value range or depth is filled through bridges. Where a fresh
    discriminator ruins a good generator, give it `warmup_images` alone, and the generator a slow start. The warm-up
    ends early where D tells real from generated images well enough: more would leave the generator no slope.
    """

    slots = frozenset({Slot.GENERATOR, Slot.SCHEDULE})
    requires = frozenset({Source.DECODER})

    def __init__(self, config: DecoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Every tensor of the generator gets a value, or those that the bridges reach."""
        edits = map_weights(source.decoder, "decoder", gan.generator, "generator")
        config = self.config
        planned = TransferPlan(gan, edits, required_tensors={"generator": {edit.tensor for edit in edits}})
        planned.notes += activation_mismatch(source.decoder, gan.generator, "decoder-init")
        ours, theirs = source.latent_dim, gan.latent_dim
        if ours != theirs:
            planned.to_latent = Resized(ours, theirs)
            told = "the added values read nothing yet" if theirs > ours else "the last ones count as 0"
            planned.notes.append(f"decoder-init: codes of {ours} values enter a generator that takes {theirs}: {told}")
        planned.schedules = warm_start(config)
        return planned

    def noop_config(self) -> None:
        """None: the copy is the strategy. Given the scratch generator's own weights as a decoder it equals scratch."""


def warm_start(config: DecoderInitConfig) -> dict[str, list[Schedule]]:
    """The generator's schedule; none where it learns from the start."""
    if not config.warmup_images and not config.ramp_images:
        return {}
    start = config.ramp_start if config.ramp_images else 1.0
    return {"generator.lr": [WarmStart(config.warmup_images, config.ramp_images, start, config.warmup_accuracy)]}
