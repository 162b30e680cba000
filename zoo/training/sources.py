"""The sources of a transfer, and the first stage, as a run keeps them: their structure in the recipe, their weights as
files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import nn

from zoo._utils.tensors import pack, unpack
from zoo.errors import ConfigError, IntegrityError, TransferError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.compose import build_autoencoder, build_encoder
from zoo.networks.pretrained import origins_of, values_follow
from zoo.networks.utils import digest
from zoo.training.recipe import FirstStageSection, FurtherSection, Recipe, SourceStructure, TransferSection
from zoo.transfers.apply import TransferResult
from zoo.transfers.plan import FurtherSource
from zoo.types import PartSpec

__all__ = [
    "FIRST_STAGE",
    "first_stage_of",
    "first_stage_section",
    "further_of",
    "further_on",
    "kept_sources",
    "load_source",
    "section_of",
    "source_file",
    "source_of",
    "source_structure",
    "structure_on",
]

Module = TypeVar("Module", bound=nn.Module)

FIRST_STAGE = "first_stage.safetensors"
"""The file of a run's folder with the weights of its first stage."""


def source_structure(model: Autoencoder) -> SourceStructure:
    """What planning needs to know of an autoencoder."""
    specs = model.specs
    return SourceStructure(specs["encoder"], specs["bottleneck"], specs["decoder"], model.code_shape, model.data)


def structure_on(structure: SourceStructure, device: str) -> Autoencoder:
    """The autoencoder of that structure, on `device`, for values that follow."""
    specs = {"encoder": structure.encoder, "bottleneck": structure.bottleneck, "decoder": structure.decoder}
    with values_follow():
        return build_autoencoder(specs, structure.data, structure.code_shape, device=device)


def section_of(source: FurtherSource) -> FurtherSection:
    """A further source as a run's recipe has it: where it is from, its structure, and its digest."""
    origin = source.origin
    if isinstance(source, Autoencoder):
        opens_it = origin.address if origin is not None and not origin.adapted else None
        structure = source_structure(source)
        return FurtherSection(
            opens_it, sha256=digest(source), structure=structure, origin=origin, license=source.license
        )
    spec, fetched = source.specs["encoder"], origins_of(source)
    return FurtherSection(encoder=spec, data=source.data, sha256=digest(source), fetched=fetched)


def further_on(transfer: TransferSection, device: str) -> dict[str, FurtherSource]:
    """The further sources of a run's recipe by name, on `device`, for values that follow. Raises ConfigError if the
    recipe is not a run's."""
    return {name: _built(name, section, device) for name, section in transfer.further.items()}


def source_file(name: str = "") -> str:
    """The file of a run's folder with the weights of its source, or of the further source `name`."""
    return f"source.{name}.safetensors" if name else "source.safetensors"


def kept_sources(transferred: TransferResult) -> dict[str, bytes]:
    """The weights of every source of a transfer, by the file in which its run keeps them."""
    sources: Mapping[str, nn.Module] = {"": transferred.source, **transferred.further}
    return {source_file(name): pack(source.state_dict(), {}) for name, source in sources.items()}


def load_source(folder: Path, file: str, source: Module, sha256: str | None) -> Module:
    """Fill `source`, in eval mode, with the weights in a file of the run in `folder`. Raises IntegrityError if they are
    gone, TransferError if they are not those that the run began with."""
    path = folder / file
    if not path.is_file():
        raise IntegrityError(f"{path} is gone: what the run began with", "Put it back, or begin the run again.")
    source.load_state_dict(unpack(path.read_bytes(), str(path)), strict=True)
    if digest(source) != sha256:
        raise TransferError(f"{path} is not what the run began with", "Begin the run again.")
    return source.eval()


def source_of(recipe: Recipe, folder: Path, first_stage: FirstStage | None = None) -> Autoencoder | None:
    """The autoencoder that the transfer of the run in `folder` began with, if it is one. Raises IntegrityError or
    TransferError."""
    transfer = recipe.transfer
    if transfer is None or transfer.structure is None:
        return None
    source = structure_on(transfer.structure, "cpu")
    source.first_stage, source.license = first_stage, transfer.license
    return load_source(folder, source_file(), source, transfer.sha256)


def first_stage_section(first_stage: FirstStage | None) -> FirstStageSection | None:
    """A first stage as a run's recipe has it."""
    if first_stage is None:
        return None
    autoencoder = first_stage.autoencoder
    origin = autoencoder.origin
    return FirstStageSection(
        origin.address if origin is not None and not origin.adapted else None,
        first_stage.flip,
        first_stage.sha256,
        source_structure(autoencoder),
        origin,
        first_stage.scaling,
        autoencoder.license,
    )


def first_stage_of(recipe: Recipe, folder: Path) -> FirstStage | None:
    """The first stage of the run in `folder`, if it has one. Raises IntegrityError or TransferError."""
    section = recipe.first_stage
    if section is None or section.structure is None:
        return None
    autoencoder = load_source(folder, FIRST_STAGE, structure_on(section.structure, "cpu"), section.sha256)
    autoencoder.origin, autoencoder.license = section.origin, section.license
    return FirstStage(autoencoder, recipe.data.spec, section.scaling, flip=section.flip)


def further_of(transfer: TransferSection, folder: Path) -> dict[str, FurtherSource]:
    """The further sources that the run in `folder` began with. Raises IntegrityError or TransferError."""
    sources = further_on(transfer, "cpu")
    return {
        name: load_source(folder, source_file(name), source, transfer.further[name].sha256)
        for name, source in sources.items()
    }


def _built(name: str, section: FurtherSection, device: str) -> FurtherSource:
    if section.structure is not None:
        return structure_on(section.structure, device)
    if not isinstance(section.encoder, PartSpec) or section.data is None:
        raise ConfigError(
            f"transfer.further.{name} is not a run's: a setting is missing",
            "Give the folder of a run, or zoo train RECIPE.",
        )
    with values_follow():
        return build_encoder(section.encoder, section.data, device=device)
