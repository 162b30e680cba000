"""A recipe whose GAN takes the images' classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zoo.config import to_plain
from zoo.errors import ConfigError
from zoo.training.recipe import GanSection, Recipe
from zoo.transfers.parse import is_auto
from zoo.types import PartLike, PartSpec, as_part

__all__ = ["with_classes"]

_TRANSFERRED = ("decoder-init", "encoder-init", "class-prior", "class-projection")
"""In place of auto: of the combinations that were measured on digits, the one of the lowest KID."""
_DEFAULT = "dcgan"


def with_classes(recipe: Recipe) -> Recipe:
    """The recipe with classes in its GAN: a transfer gets a prior for each class and a projection in D, unless its
    strategies have classes already; a GAN from scratch an embedding in G and a projection in D. Raises ConfigError for
    a recipe without a GAN."""
    section, transfer = recipe.gan, recipe.transfer
    if section is None:
        raise ConfigError("--by-class is for a GAN, and this trains an autoencoder", "zoo train gan --by-class ...")
    if transfer is None:
        return replace(recipe, gan=_conditional(section))
    parts = transfer.strategies
    if any(part.component.rpartition("/")[2].startswith("class-") for part in parts):
        return recipe
    chosen: tuple[PartSpec, ...] = tuple(map(PartSpec, _TRANSFERRED))
    if not is_auto(parts):
        chosen = (*parts, PartSpec("class-prior"), PartSpec("class-projection"))
    return replace(recipe, transfer=replace(transfer, strategy=chosen))


def _conditional(section: GanSection) -> GanSection:
    generator = section.generator or _DEFAULT
    discriminator = section.discriminator or as_part(generator).component
    return replace(
        section,
        generator=PartSpec("class-embedding", {"generator": _plain(generator)}),
        discriminator=PartSpec("class-projection", {"base": _plain(discriminator)}),
    )


def _plain(part: PartLike) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(as_part(part))
    return plain
