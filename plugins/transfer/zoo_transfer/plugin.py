"""What this distribution offers."""

from __future__ import annotations

from collections.abc import Iterable

from zoo.hookspecs import hook
from zoo.specs import Component

ZOO_API = 1

_CONFIG = "zoo_transfer.config"


@hook
def zoo_components() -> Iterable[Component]:
    """The strategies."""
    return [
        Component(
            "transfer", "scratch", "zoo_transfer.scratch:Scratch", f"{_CONFIG}:ScratchConfig", "nothing: the control"
        ),
        Component(
            "transfer",
            "decoder-init",
            "zoo_transfer.decoder_init:DecoderInit",
            f"{_CONFIG}:DecoderInitConfig",
            "the decoder's weights become the generator's",
        ),
        Component(
            "transfer",
            "encoder-init",
            "zoo_transfer.encoder_init:EncoderInit",
            f"{_CONFIG}:EncoderInitConfig",
            "the encoder's weights become the discriminator's trunk",
        ),
        Component(
            "transfer",
            "gaussian-prior",
            "zoo_transfer.gaussian_prior:FittedGaussian",
            f"{_CONFIG}:GaussianPriorConfig",
            "a Gaussian fitted to the codes, folded into G",
        ),
        Component(
            "transfer",
            "gmm-prior",
            "zoo_transfer.gmm_prior:FittedMixture",
            f"{_CONFIG}:MixturePriorConfig",
            "a Gaussian mixture fitted to the codes",
        ),
    ]
