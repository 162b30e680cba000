"""Small models for tests of training and transfer."""

from __future__ import annotations

import zoo
from zoo.networks.autoencoder import Autoencoder
from zoo.specs import PartSpec

ARCHITECTURES = {
    "mlp": (PartSpec("mlp", {"widths": [24, 16]}), PartSpec("mlp", {"widths": [16, 24]})),
    "dcgan": (PartSpec("dcgan", {"width": 4}), PartSpec("dcgan", {"width": 4})),
}
SHAPE = (1, 8, 8)


def autoencoder(
    arch: str = "dcgan", *, seed: int = 0, bottleneck: str = "gaussian", device: str = "cpu"
) -> Autoencoder:
    """A tiny autoencoder of 8 px grey images with 6 values a code."""
    encoder, generator = ARCHITECTURES[arch]
    return zoo.autoencoder(
        encoder, generator, bottleneck=bottleneck, shape=SHAPE, latent_dim=6, seed=seed, device=device
    )


def states_equal(a, b) -> bool:  # type: ignore[no-untyped-def]
    """Whether two modules hold the same values, bit for bit."""
    import torch

    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)
