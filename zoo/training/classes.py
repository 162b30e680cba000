"""A recipe whose GAN takes the images' classes, which may be clusters of what its source makes of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo.config import to_plain
from zoo.data.config import DataConfig
from zoo.data.open import open_data
from zoo.encoding.codes import codes_of
from zoo.errors import ConfigError
from zoo.training.recipe import AutoencoderSection, GanSection, Recipe
from zoo.training.recipe_models import autoencoder_of
from zoo.transfers.cluster_files import TABLE, write_clusters
from zoo.transfers.parse import is_auto
from zoo.types import PartLike, PartSpec, as_part

__all__ = ["clusters_dir", "with_classes", "with_clusters"]

_TAKING = ("class-prior", "class-projection", "class-auxiliary")
"""Of the combinations that were measured on digits, the one of the lowest KID and of the most right samples."""
_TRANSFERRED = ("decoder-init", "encoder-init", *_TAKING)
"""In place of auto."""
_DEFAULT = "dcgan"
_DECODER = "class-embedding"
_TAKES_CLASS = ("class-embedding", "class-normalisation")


def with_classes(recipe: Recipe) -> Recipe:
    """The recipe with classes in its GAN: a transfer gets a prior for each class, a projection in D and a loss by which
    D names them, unless its strategies have classes already; a GAN from scratch an embedding in G and a projection in
    D. An autoencoder alone gets them in its decoder."""
    section, transfer = recipe.gan, recipe.transfer
    if section is None:
        return recipe if recipe.autoencoder is None else replace(recipe, autoencoder=_decoding(recipe.autoencoder))
    if transfer is None:
        return replace(recipe, gan=_conditional(section))
    parts = transfer.strategies
    if any(part.component.rpartition("/")[2].startswith("class-") for part in parts):
        return recipe
    chosen: tuple[PartSpec, ...] = tuple(map(PartSpec, _TRANSFERRED))
    if not is_auto(parts):
        chosen = (*parts, *map(PartSpec, _TAKING))
    return replace(recipe, transfer=replace(transfer, strategy=chosen))


def clusters_dir(run: Path) -> Path:
    """Where the clusters of the run in the folder `run` are written."""
    return run.with_name(f"{run.name}-classes")


def with_clusters(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with clusters as its images' classes: their codes in the transfer's source, in as many clusters as its
    labels say (`auto:20`), written to `folder` (see `write_clusters`). A folder that is there already is used as it is,
    so that classes may be renamed, joined or corrected. Raises ConfigError, and what opening the source and the images
    raises."""
    count, transfer = recipe.data.clusters, recipe.transfer
    assert count is not None, "the recipe asks for clusters"
    if transfer is None:
        raise ConfigError(f"--labels auto:{count} is for a transfer", "First: zoo cluster, and --labels labels.csv")
    table = folder / TABLE
    if not table.is_file():
        autoencoder = autoencoder_of(transfer.source)
        unlabelled = DataConfig(recipe.data.source, held_out=recipe.data.held_out, labels="off")
        images = open_data(unlabelled, like=autoencoder.output)
        write_clusters(images, codes_of(autoencoder, images), count, folder, recipe.seed)
    return replace(recipe, data=replace(recipe.data, labels=str(table)))


def _conditional(section: GanSection) -> GanSection:
    generator = section.generator or _DEFAULT
    discriminator = section.discriminator or as_part(generator).component
    return replace(
        section,
        generator=PartSpec("class-embedding", {"generator": _plain(generator)}),
        discriminator=PartSpec("class-projection", {"base": _plain(discriminator)}),
    )


def _decoding(section: AutoencoderSection) -> AutoencoderSection:
    """The section with a decoder that takes the class. Raises ConfigError for one that begins with a release."""
    if section.source is not None:
        raise ConfigError(
            f"the decoder of {section.source} is trained already, and takes no class",
            "Leave out --by-class, or train a new autoencoder.",
        )
    decoder = section.decoder or as_part(section.encoder).component
    if as_part(decoder).component.rpartition("/")[2] in _TAKES_CLASS:
        return section
    return replace(section, decoder=PartSpec(_DECODER, {"generator": _plain(decoder)}))


def _plain(part: PartLike) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(as_part(part))
    return plain
