"""The autoencoders and encoders that a recipe's transfer names, opened or composed."""

from __future__ import annotations

from zoo.errors import ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import encoder
from zoo.networks.utils import digest
from zoo.training.api import open_model
from zoo.training.recipe import FurtherSection, TransferSection
from zoo.transfers.plan import FurtherSource
from zoo.types import DataSpec

__all__ = ["autoencoder_of", "further_sources"]


def autoencoder_of(source: str) -> Autoencoder:
    """The autoencoder of a release or a run. Raises TransferError if it has none."""
    model = open_model(source).autoencoder
    if model is None:
        raise TransferError(f"{source} holds no autoencoder", "Choose another source: zoo list")
    return model


def further_sources(
    transfer: TransferSection, data: DataSpec, seed: int, device: str = "cpu"
) -> dict[str, FurtherSource]:
    """The further sources of a recipe by name; encoders are composed on `device` for samples like `data`. Raises
    ConfigError if one is not the source that a run's recipe was written for, and what opening a release raises."""
    return {name: _source(name, section, data, seed, device) for name, section in transfer.further.items()}


def _source(name: str, section: FurtherSection, data: DataSpec, seed: int, device: str) -> FurtherSource:
    if section.encoder is not None:
        source: FurtherSource = encoder(section.encoder, data=section.data or data, seed=seed, device=device)
        if device == "meta":
            return source
    elif section.source is not None:
        source = autoencoder_of(section.source)
    else:
        raise ConfigError(
            f"the further source {name!r} was an autoencoder without a release",
            f"Give one in its place: transfer.further.{name}.source, without sha256 and structure.",
        )
    if section.sha256 not in (None, digest(source)):
        raise ConfigError(
            f"the further source {name!r} is not the one that this recipe began with",
            f"For another one, take sha256, structure and origin out of [transfer.further.{name}].",
        )
    return source
