"""The further sources that a recipe's transfer names, opened or composed."""

from __future__ import annotations

from zoo.errors import ConfigError
from zoo.networks.compose import encoder
from zoo.networks.utils import digest
from zoo.training.recipe import FurtherSection, TransferSection
from zoo.training.recipe_models import autoencoder_of
from zoo.transfers.plan import FurtherSource
from zoo.types import DataSpec

__all__ = ["further_sources"]


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
    else:
        assert section.source is not None, "a recipe that cannot be run again is refused before"
        source = autoencoder_of(section.source)
    if section.sha256 is not None and section.sha256 != digest(source):
        raise ConfigError(
            f"the further source {name!r} is not the one that this recipe began with",
            f"For another one, take sha256, structure and origin out of [transfer.further.{name}].",
        )
    return source
