"""The networks that a recipe begins with: composed, or from the release or the run that it names."""

from __future__ import annotations

from dataclasses import replace

from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.encoding.codes import encode_images
from zoo.encoding.first_stage import for_images, image_shape
from zoo.errors import ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.compose import autoencoder, gan
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.training.api import open_model
from zoo.training.recipe import AutoencoderSection, FirstStageSection, GanSection, TransferSection
from zoo.transfers.beginning import autoencoder_of_source, begins_with_gan
from zoo.transfers.parse import is_auto
from zoo.transfers.strategies import resolve_strategies
from zoo.types import DataSpec, Watcher, as_part

__all__ = [
    "autoencoder_of",
    "compose_autoencoder",
    "compose_gan",
    "gan_of",
    "named_first_stage",
    "named_source",
    "open_first_stage",
    "pretrained",
]


def compose_autoencoder(
    section: AutoencoderSection, data: DataSpec, seed: int, device: str = "cpu", first_stage: FirstStage | None = None
) -> Autoencoder:
    """The section's autoencoder with fresh weights, for images or for the codes of a first stage."""
    return autoencoder(
        section.encoder,
        section.decoder,
        bottleneck=section.bottleneck,
        code_shape=section.code_shape,
        data=data,
        first_stage=first_stage,
        seed=seed,
        device=device,
    )


def compose_gan(
    section: GanSection,
    data: DataSpec,
    source: Autoencoder | None,
    seed: int,
    device: str = "cpu",
    first_stage: FirstStage | None = None,
) -> GAN:
    """The section's GAN with fresh weights, for images or for the codes of a first stage; what it does not name is like
    the source."""
    return gan(
        section.generator,
        section.discriminator,
        like=source,
        prior=section.prior,
        code_shape=section.code_shape,
        data=data,
        first_stage=first_stage,
        seed=seed,
        device=device,
    )


def named_first_stage(
    section: FirstStageSection, data: DataConfig, watch: Watcher | None = None
) -> tuple[ImageSet, FirstStage]:
    """The images of a recipe and its first stage, like `open_first_stage`, with their codes' scaling: the images are
    encoded, if they were not before."""
    images, stage = open_first_stage(section, data)
    return images, encode_images(images, stage, watch)[1]


def open_first_stage(section: FirstStageSection, data: DataConfig) -> tuple[ImageSet, FirstStage]:
    """The images of a recipe, in the size that they are given or that suits the first stage, and its first stage.
    Raises ConfigError or TransferError."""
    assert section.source is not None, "a recipe that cannot be run again is refused before"
    autoencoder = autoencoder_of(section.source)
    if section.sha256 is not None and section.sha256 != digest(autoencoder):
        raise ConfigError(
            f"{section.source} is not the first stage that this recipe began with",
            "For another one, take sha256, structure, origin and scaling out of its [first_stage] table.",
        )
    images = open_data(data, like=replace(autoencoder.data, shape=image_shape(autoencoder, data)))
    return images, for_images(autoencoder, images.spec, flip=section.flip).scaled(section.scaling)


def pretrained(section: AutoencoderSection) -> Autoencoder | None:
    """The release's autoencoder that training starts from, if any; its parts are those that the section names, or the
    section names none. Raises ConfigError."""
    if section.source is None:
        return None
    model = autoencoder_of(section.source)
    if section.origin is not None and model.origin != section.origin:
        raise ConfigError(
            f"{section.source} is not the release that this recipe began with",
            f"That was {section.origin.name} {section.origin.version}, {section.origin.manifest[:19]}...",
        )
    defaults = AutoencoderSection()
    for role in ("encoder", "decoder", "bottleneck"):
        named = getattr(section, role)
        if named != getattr(defaults, role) and as_part(named) != model.specs[role]:
            raise ConfigError(
                f"[autoencoder] names the {role} {as_part(named).component}, and goes on from {section.source}, whose "
                f"{role} is another {model.specs[role].component}",
                "Leave it out: the parts are the source's own.",
            )
    return model


def named_source(section: TransferSection) -> Autoencoder | GAN:
    """The autoencoder of the release or the run that a transfer names, or its GAN if that is what the strategies go on
    from. Raises ConfigError or TransferError."""
    resolved = None if is_auto(section.strategies) else resolve_strategies(section.strategies)
    model = gan_of(section.source) if begins_with_gan(resolved) else autoencoder_of(section.source)
    autoencoder = autoencoder_of_source(model, resolved)
    if section.sha256 is not None and section.sha256 != digest(autoencoder):
        raise ConfigError(
            f"{section.source} does not hold the autoencoder that this recipe began with",
            "For another one, take sha256, structure and origin out of its [transfer] table.",
        )
    return model


def gan_of(source: str) -> GAN:
    """The GAN of a release or a run. Raises TransferError if it has none."""
    model = open_model(source).gan
    if model is None:
        raise TransferError(f"{source} holds no GAN", "Choose another source: zoo list")
    return model


def autoencoder_of(source: str) -> Autoencoder:
    """The autoencoder of a release or a run. Raises TransferError if it has none."""
    model = open_model(source).autoencoder
    if model is None:
        raise TransferError(f"{source} holds no autoencoder", "Choose another source: zoo list")
    return model
