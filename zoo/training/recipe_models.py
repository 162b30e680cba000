"""The networks that a recipe begins with: composed, or from the release or the run that it names."""

from __future__ import annotations

from zoo.errors import ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import autoencoder, gan
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.training.api import open_model
from zoo.training.recipe import AutoencoderSection, GanSection, TransferSection
from zoo.types import DataSpec, as_part

__all__ = ["autoencoder_of", "compose_autoencoder", "compose_gan", "named_source", "pretrained"]


def compose_autoencoder(section: AutoencoderSection, data: DataSpec, seed: int, device: str = "cpu") -> Autoencoder:
    """The section's autoencoder with fresh weights."""
    return autoencoder(
        section.encoder,
        section.decoder,
        bottleneck=section.bottleneck,
        code_shape=section.code_shape,
        data=data,
        seed=seed,
        device=device,
    )


def compose_gan(section: GanSection, data: DataSpec, source: Autoencoder | None, seed: int, device: str = "cpu") -> GAN:
    """The section's GAN with fresh weights; what it does not name is like the source."""
    return gan(
        section.generator,
        section.discriminator,
        like=source,
        prior=section.prior,
        code_shape=section.code_shape,
        data=data,
        seed=seed,
        device=device,
    )


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


def named_source(section: TransferSection) -> Autoencoder:
    """The autoencoder of the release or the run that a transfer names. Raises ConfigError or TransferError."""
    model = autoencoder_of(section.source)
    if section.sha256 is not None and digest(model) != section.sha256:
        raise ConfigError(
            f"{section.source} does not hold the autoencoder that this recipe began with",
            "For another one, take sha256, structure and origin out of its [transfer] table.",
        )
    return model


def autoencoder_of(source: str) -> Autoencoder:
    """The autoencoder of a release or a run. Raises TransferError if it has none."""
    model = open_model(source).autoencoder
    if model is None:
        raise TransferError(f"{source} holds no autoencoder", "Choose another source: zoo list")
    return model
