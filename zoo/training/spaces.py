"""Pixels or codes: where a GAN should live that is to use an autoencoder, by measuring on the images, and the
recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from zoo.data.config import DataConfig
from zoo.data.open import open_data
from zoo.encoding.first_stage import for_images, image_shape
from zoo.errors import CompositionError, ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import gan as compose_gan
from zoo.training.first_stage_report import error_over_variance
from zoo.training.recipe import (
    AutoencoderSection,
    AutoencoderTraining,
    FirstStageSection,
    GanSection,
    Recipe,
    TransferSection,
)
from zoo.training.recipe_models import autoencoder_of
from zoo.transfers.parse import is_auto
from zoo.types import PartSpec

__all__ = ["SMALL", "SpaceChoice", "choose_space", "in_chosen_space"]

_MOST_LOST = 0.25
"""A first stage that loses more of the images' variance than this shows their colours and not their subjects."""
_NETWORKS = (PartSpec("dcgan", {"width": 32}), PartSpec("r3gan", {"width": 64, "max_width": 256}))
"""Networks of codes, unless the recipe names others: the first that fits. The former learns faster; the latter takes
codes of every size."""
SMALL = 32
"""Up to this side, in pixels, a GAN of pixels is cheap."""
_MEASURED = 256


@dataclass(frozen=True, slots=True)
class SpaceChoice:
    """Where a GAN should live, and why, in a line."""

    space: Literal["pixels", "codes"]
    reason: str


def choose_space(source: Autoencoder, data: DataConfig) -> SpaceChoice:
    """Pixels or this autoencoder's codes, for a GAN of the images of `data`. Opens up to 256 of them."""
    code = source.code_shape
    if len(code) != 3 or source.data.shape[1] == code[1]:
        return SpaceChoice("pixels", f"a code of shape {list(code)} is no smaller picture of the image")
    if source.first_stage is not None:
        return SpaceChoice("pixels", "the source is an autoencoder of codes already")
    shape = image_shape(source, data)
    if min(shape[1:]) <= SMALL:
        return SpaceChoice("pixels", f"at {min(shape[1:])} px a GAN of pixels is cheap, and a first stage loses detail")
    images = open_data(replace(data, limit=_MEASURED, shape=shape, sha256=None), like=replace(source.data, shape=shape))
    stage = for_images(source, images.spec)
    x = images.batch(images.to_measure(_MEASURED))
    lost = error_over_variance(x, stage.decode(stage.encode(x)))
    if lost > _MOST_LOST:
        return SpaceChoice("pixels", f"the first stage loses {lost:.0%} of these images' variance")
    size = f"{shape[2]} x {shape[1]} px"
    return SpaceChoice(
        "codes",
        f"the first stage loses {lost:.1%} of these images' variance at {size}, and leaves "
        f"{stage.codes.size:,} of {stage.images.size:,} values an image",
    )


def in_chosen_space(
    recipe: Recipe, space: Literal["auto", "pixels", "codes"], *, flip: bool = False, second_stage: int | None = None
) -> tuple[Recipe, str]:
    """The recipe of a transfer in pixels or in the codes of its source, and the reason, in a line.

    In codes the source is the first stage, and the GAN starts from fresh weights; with `second_stage` it starts from an
    autoencoder of the codes that is trained for so many images first. `auto` measures, unless the recipe names other
    strategies than auto. Raises ConfigError for options of codes in pixels, and what opening the source raises.
    """
    transfer = recipe.transfer
    assert transfer is not None, "a recipe without a transfer has no source"
    for_codes = flip or second_stage is not None
    if space == "auto" and (transfer.source == "autoencoder" or not is_auto(transfer.strategies)) and not for_codes:
        return recipe, ""
    if recipe.autoencoder is not None and space != "pixels":
        raise ConfigError(
            "--adapt trains the source on your images, and a first stage stays as it is",
            "Leave it out; or train it with zoo train autoencoder, and give that run as the source.",
        )
    if space == "auto":
        choice = choose_space(autoencoder_of(transfer.source), recipe.data)
    else:
        choice = SpaceChoice(space, "as asked")
    if choice.space == "pixels" and for_codes:
        why = "pixels were asked for" if space == "pixels" else f"pixels are better here: {choice.reason}"
        raise ConfigError(
            f"--flip and --second-stage are for a GAN of codes, and {why}", "Leave them out, or say --space codes."
        )
    if choice.space == "pixels":
        return recipe, f"in pixels: {choice.reason}"
    first = FirstStageSection(transfer.source, flip)
    gan = recipe.gan or GanSection()
    generator = gan.generator or _network(autoencoder_of(transfer.source), recipe.data)
    gan = replace(gan, generator=generator, discriminator=gan.discriminator or generator)
    changed = replace(recipe, first_stage=first, transfer=None, gan=gan)
    if second_stage is not None:
        training = AutoencoderTraining(objective="core/ae", images=second_stage)
        autoencoder = AutoencoderSection(gan.discriminator or generator, gan.generator, training=training)
        changed = replace(changed, autoencoder=autoencoder, transfer=TransferSection(strategy=transfer.strategy))
    return changed, f"in codes: {choice.reason}"


def _network(source: Autoencoder, data: DataConfig) -> PartSpec:
    """The first network that makes codes of `source` for the images of `data`."""
    images = replace(source.data, shape=image_shape(source, data))
    codes = for_images(source, images).codes
    *others, last = _NETWORKS
    for part in others:
        try:
            compose_gan(part, part, data=codes, device="meta")
        except CompositionError:
            continue
        return part
    return last
