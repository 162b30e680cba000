"""What a transfer begins with: an autoencoder and a fresh GAN, or a trained GAN of codes and its first stage."""

from __future__ import annotations

from collections.abc import Sequence

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.plan import Source
from zoo.transfers.strategies import ResolvedStrategy

__all__ = ["autoencoder_of_source", "begins_with_gan"]


def begins_with_gan(resolved: Sequence[ResolvedStrategy] | None) -> bool:
    """Whether a strategy changes a trained GAN of codes; not with `auto` (None), which chooses none of these."""
    return any(Source.GAN in one.strategy.requires for one in resolved or ())


def autoencoder_of_source(source: Autoencoder | GAN, resolved: Sequence[ResolvedStrategy] | None) -> Autoencoder:
    """The autoencoder that strategies are planned from: `source` itself, or the first stage of a GAN, which then has
    the GAN's origin. Raises TransferError if the strategies need the other of the two."""
    names = "+".join(one.spec.component for one in resolved) if resolved is not None else "auto"
    if isinstance(source, Autoencoder):
        if begins_with_gan(resolved):
            raise TransferError(
                f"{names} goes on from a trained GAN of codes, and the source is an autoencoder",
                "Give the GAN, zoo.load(...).gan; with the command, a release or a run that holds one.",
            )
        return source
    if not begins_with_gan(resolved):
        raise TransferError(
            f"{names} transfers from an autoencoder, and the source is a GAN", "Give zoo.load(...).autoencoder."
        )
    if source.first_stage is None:
        raise TransferError(f"{names} is for a GAN of codes, and this one makes {source.data}")
    first = source.first_stage.autoencoder
    autoencoder = Autoencoder(first.encoder, first.bottleneck, first.decoder, first.specs, source.origin)
    autoencoder.license = " AND ".join(f"({terms})" for terms in (source.license, first.license) if terms)
    return autoencoder.eval()
