"""What can go on from an autoencoder whose decoder takes a class or attributes."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.plan import Source, TransferStrategy
from zoo.types import Condition, PartSpec

__all__ = ["refuse_class_decoder", "require_decoders_classes"]

_WITHOUT = "an autoencoder that was trained without --by-class."


def refuse_class_decoder(source: Autoencoder, gan: GAN, resolved: Sequence[tuple[PartSpec, TransferStrategy]]) -> None:
    """Raises TransferError if the source's decoder takes a class and a strategy that uses it cannot give one, or the
    GAN's images have others."""
    if source.condition is None:
        return
    for spec, strategy in resolved:
        if Source.DECODER not in strategy.requires:
            continue
        if not strategy.class_decoder:
            raise TransferError(
                f"{spec.component} uses the decoder, and this autoencoder's takes a class of each sample",
                f"Use decoder-init, or {_WITHOUT}",
            )
        require_decoders_classes(source, gan, spec.component)


def require_decoders_classes(source: Autoencoder, gan: GAN, owner: str) -> None:
    """Raises TransferError, naming `owner`, if the source's decoder takes other classes or attributes than the GAN's
    images have."""
    known, given = source.condition, gan.data.condition
    if known is None or known.same_names(given):
        return
    raise TransferError(
        f"{owner}: the decoder takes {_names(known)}, and the images have {_names(given)}",
        f"Give images with the same labels, or {_WITHOUT}",
    )


def _names(condition: Condition | None) -> str:
    if condition is None:
        return "no labels"
    names = condition.classes or condition.attributes
    kind = "the classes" if condition.classes else "the attributes"
    return f"{kind} {', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
