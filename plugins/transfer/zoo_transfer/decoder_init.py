"""The decoder's weights initialise the generator."""

from __future__ import annotations

import math

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

__all__ = ["DecoderInit", "ResizedCode", "WarmStart", "warm_start"]


class WarmStart(FeedbackSchedule):
    """A factor of the generator's learning rate: 0 for `warmup` images, then linear from `start` to 1 over `ramp`.

    The warm-up ends early once D ranks more than the share `accuracy` of the pairs (real, generated) correctly; 1
    disables this. The image count at its end is a buffer, so a resumed run continues in the same place.
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
        # read on the CPU at every step: on a GPU each read would synchronise
        self.register_buffer("ended", torch.tensor(warmup, device="cpu"))

    def forward(self, shown: int) -> float:
        """The factor, 0 to 1, after `shown` images."""
        ended = int(self.ended)
        if shown < ended:
            return 0.0
        done = min(1.0, (shown - ended) / self.ramp) if self.ramp else 1.0
        return self.start + (1.0 - self.start) * done

    def wants(self, shown: int) -> bool:
        """True during a warm-up that can end early."""
        return self.accuracy < 1.0 and shown < int(self.ended)

    def update(self, value: float, shown: int, images: int) -> None:
        """`value` is the share of pairs that D ranks correctly."""
        if value > self.accuracy:
            self.ended.fill_(shown)


class ResizedCode(nn.Module):
    """A source code as the z of a generator with codes of another shape: zeros are appended, or values cut off."""

    def __init__(self, source_dim: int, code_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.code_shape = code_shape
        self.added = math.prod(code_shape) - source_dim

    def forward(self, code: Tensor) -> Tensor:
        """Codes (N, ...) of `source_dim` values -> (N, *code_shape)."""
        return pad(code.flatten(1), (0, self.added)).view(-1, *self.code_shape)


class DecoderInit(TransferStrategy):
    """theta_G := theta_Dec, so that G(z) = Dec(z) bit for bit before training (Mariani et al. 2018, "BAGAN"; dos Santos
    et al. 2019, "Learning implicit generative models by matching perceptual features").

    The prior should match the codes that the decoder was trained on: N(0, I) for a VAE; for other autoencoders add
    `gaussian-prior` or `gmm-prior`. If the generator differs in width, depth, channels or value range, the weights are
    adapted. A fresh discriminator can ruin a good generator; then train D alone for `warmup_images` and raise the
    generator's learning rate slowly. The warm-up ends early if D separates real from generated images well: a longer
    one would leave the generator no gradient.
    """

    slots = frozenset({Slot.GENERATOR, Slot.SCHEDULE})
    requires = frozenset({Source.DECODER})
    class_decoder = True

    def __init__(self, config: DecoderInitConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """Edits of every tensor of the generator that a tensor of the decoder can be mapped to."""
        edits = map_weights(source.decoder, "decoder", gan.generator, "generator")
        planned = TransferPlan(gan, edits, required_tensors={"generator": {edit.tensor for edit in edits}})
        planned.notes += activation_mismatch(source.decoder, gan.generator, "decoder-init")
        if source.code_shape != gan.code_shape:
            planned.to_latent = ResizedCode(source.code_size, gan.code_shape)
            wider = gan.code_size > source.code_size
            effect = "the added values read nothing yet" if wider else "the last ones count as 0"
            planned.notes.append(
                f"decoder-init: codes of {source.code_size} values enter a generator that takes {gan.code_size}: "
                f"{effect}"
            )
        planned.schedules = warm_start(self.config)
        return planned

    def noop_config(self) -> None:
        """None: the copy is the strategy. If the decoder has the scratch generator's weights, it equals scratch."""


def warm_start(config: DecoderInitConfig) -> dict[str, list[Schedule]]:
    """The generator's schedule; none if it is trained from the first step at its full rate."""
    if not config.warmup_images and not config.ramp_images:
        return {}
    start = config.ramp_start if config.ramp_images else 1.0
    return {"generator.lr": [WarmStart(config.warmup_images, config.ramp_images, start, config.warmup_accuracy)]}
