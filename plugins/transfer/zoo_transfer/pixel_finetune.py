"""A trained GAN of codes goes on in pixels, together with the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from zoo.plugin import (
    GAN,
    ApplyContext,
    Autoencoder,
    DataSpec,
    Edit,
    EncoderDiscriminator,
    PartSpec,
    Schedule,
    Slot,
    Source,
    TransferError,
    TransferPlan,
    TransferStrategy,
    build_discriminator,
    build_part,
    edit_each,
    map_weights,
    normalise,
    to_plain,
)
from zoo_transfer.configs.finetune import DecodedGeneratorConfig, PixelFinetuneConfig
from zoo_transfer.decoder_init import WarmStart
from zoo_transfer.gan_parts import device_of

__all__ = ["ConstantRate", "PixelFinetune"]


class ConstantRate:
    """A schedule: the same factor of a learning rate all the time."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, shown: int) -> float:
        """The factor."""
        return self.rate


class PixelFinetune(TransferStrategy):
    """G := Dec o G, trained end to end at a low rate against a discriminator of pixels that starts with the encoder's
    weights. A decoder that was trained alone blurs what it cannot know; here an adversary sees its images (the joint
    training of Dec and G: Makhzani et al. 2015, "Adversarial autoencoders", with D on images as in Larsen et al. 2016,
    "Autoencoding beyond pixels using a learned similarity metric").

    The source is a trained GAN of codes. Its discriminator judges codes, and is left behind; its prior stays. Samples
    have the first stage's own colours and value range.
    """

    slots = frozenset({Slot.GENERATOR, Slot.DISCRIMINATOR, Slot.WRAP, Slot.SCHEDULE})
    requires = frozenset({Source.ENCODER, Source.DECODER, Source.GAN})

    def __init__(self, config: PixelFinetuneConfig) -> None:
        self.config = config

    def plan(self, source: Autoencoder, gan: GAN) -> TransferPlan:
        """The generator behind which the decoder stands, the encoder with a fresh head as D, and G's lower rate."""
        if gan.data.kind != "code" or gan.data.shape != source.code_shape:
            raise TransferError(
                f"pixel-finetune is for a GAN of codes {list(source.code_shape)}, and this one makes {gan.data}"
            )
        config, device = self.config, device_of(gan)
        data = replace(source.data, condition=gan.data.condition)
        settings = DecodedGeneratorConfig(gan.specs["generator"], source.specs["decoder"], gan.data.shape)
        specs = {
            "prior": gan.specs["prior"],
            "generator": normalise("generator", PartSpec("transfer/decoded", to_plain(settings))),
            "discriminator": source.specs["encoder"],
        }
        generator = build_part("generator", specs["generator"], "decoded", data, gan.code_shape, device=device)
        discriminator = build_discriminator(specs["discriminator"], data, seed=config.seed, device=device)
        assert isinstance(discriminator, EncoderDiscriminator)
        trained = gan.generator.state_dict()
        kept = edit_each("generator", trained, "copied", "the GAN's generator", lambda _: trained, "generator.")
        decoder = map_weights(source.decoder, "decoder", generator.decoder, "generator", "decoder.")
        trunk = map_weights(source.encoder, "encoder", discriminator.encoder, "discriminator", "encoder.")
        edits = [*kept, *decoder, *_scaling_edits(gan.data), *trunk]
        return TransferPlan(
            GAN(gan.prior, generator, discriminator, specs),
            edits,
            required_tensors={
                net: {edit.tensor for edit in edits if edit.net == net} for net in ("generator", "discriminator")
            },
            wraps={"generator": "generator"},
            schedules={"generator.lr": self._schedules()},
        )

    def noop_config(self) -> None:
        """None: the GAN that it ends with makes other samples than the one that it begins with."""

    def _schedules(self) -> list[Schedule]:
        config = self.config
        return [ConstantRate(config.rate), WarmStart(config.warmup_images, 0, 1.0, config.warmup_accuracy)]


def _scaling_edits(codes: DataSpec) -> list[Edit]:
    """The mean and the deviation by which codes were standardised, as the decoder's input needs them."""
    scaling = codes.scaling
    if scaling is None:
        return []
    channels = (-1, *[1] * (len(codes.shape) - 1))

    def value(context: ApplyContext) -> Mapping[str, Tensor]:
        offset, scale = torch.tensor(scaling.offset), torch.tensor(scaling.scale)
        return {"offset": offset.view(channels), "scale": scale.view(channels)}

    return edit_each("generator", ("offset", "scale"), "copied", "the scaling of the codes", value)
