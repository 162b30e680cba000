"""The bridges from the bundled autoencoder to other generators and discriminators, planned on the meta device.

A cell of the generators shows what `decoder-init` would do, a cell of the discriminators what `encoder-init` would do: the names
of the bridges, `taught` if only distillation is possible, or the reason why the network cannot be composed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import zoo
from zoo.errors import CompositionError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.apply import explain
from zoo.types import PartSpec

__all__ = [
    "CHANNELS",
    "DISCRIMINATORS",
    "GENERATORS",
    "LATENTS",
    "SIZES",
    "compose",
    "discriminators",
    "generators",
    "source",
]

SOURCE = "dcgan.glyphs-sans32"
SIZES, CHANNELS, LATENTS = (16, 32, 64), (1, 3, 4), (32, 64, 128)
_DCGAN = PartSpec("dcgan", {"width": 32})
GENERATORS = {"dcgan": _DCGAN, "r3gan": PartSpec("r3gan"), "mlp": PartSpec("mlp")}
DISCRIMINATORS = {
    **GENERATORS,
    "dcgan": _DCGAN,
    "timm/resnet18": PartSpec("timm/resnet18"),
    "timm/vit_tiny_patch16_224": PartSpec("timm/vit_tiny_patch16_224"),
}


@functools.cache
def source() -> Autoencoder:
    """The bundled autoencoder's structure."""
    found = zoo.load(SOURCE).autoencoder
    assert found is not None
    return build_autoencoder(found.specs, found.data, found.code_shape, device="meta")


def compose(generator: str, discriminator: str, channels: int, size: int, latent: int) -> GAN:
    """A target's structure. Raises CompositionError where a part does not read or make such images."""
    parts = GENERATORS[generator], DISCRIMINATORS[discriminator]
    return zoo.gan(*parts, shape=(channels, size, size), code_shape=latent, device="meta")


def generators() -> str:
    """The table of generators."""
    lines = [
        "| generator | size | " + " | ".join(f"{n} values per code" for n in LATENTS) + " |",
        "|---|---|---|---|---|",
    ]
    for name in GENERATORS:
        for size in SIZES:
            cells = [_merged(name, "dcgan", size, latent, "decoder-init", "generator") for latent in LATENTS]
            lines.append(f"| {name} | {size} | {' | '.join(cells)} |")
    return "\n".join(lines)


def discriminators() -> str:
    """The table of discriminators."""
    lines = ["| discriminator | " + " | ".join(f"{size} px" for size in SIZES) + " |", "|---|---|---|---|"]
    for name in DISCRIMINATORS:
        cells = [_merged("dcgan", name, size, 64, "encoder-init", "discriminator") for size in SIZES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _merged(generator: str, discriminator: str, size: int, latent: int, strategy: str, net: str) -> str:
    """One cell for all channel counts, with the bridges that only colours need in brackets."""
    grey, *colour = (_cell(generator, discriminator, c, size, latent, strategy, net) for c in CHANNELS)
    if all(other == grey for other in colour):
        return grey
    words = grey.replace("copied", "").removeprefix(" ")
    bridges, _, count = words.rpartition("(")
    bracketed = f"{bridges.strip()}{', ' if bridges.strip() else ''}channels ({count}"
    if all(other == bracketed for other in colour):
        return f"{grey.partition(' (')[0]} [channels] ({count}"
    return "; ".join(f"{n}: {text}" for n, text in zip(CHANNELS, (grey, *colour), strict=True))


def _cell(generator: str, discriminator: str, channels: int, size: int, latent: int, strategy: str, net: str) -> str:
    try:
        gan = compose(generator, discriminator, channels, size, latent)
    except CompositionError as error:
        return f"no: {error.message}"
    try:
        report = explain(source(), gan, strategy)
    except TransferError:
        return _taught(gan, net)
    rows = [row for row in report.rows if row.net == net]
    transferred = [row for row in rows if row.origin != "fresh"]
    bridges = dict.fromkeys(name for row in transferred if row.origin == "adapted" for name in _bridges(row.how))
    names = ", ".join(bridges) or "copied"
    return f"{names} ({len(transferred)}/{len(rows)})"


def _bridges(how: str) -> Iterator[str]:
    for name in how.partition(": ")[0].split(", "):
        yield "channels" if name.startswith("channels") else name


def _taught(gan: GAN, net: str) -> str:
    report = explain(source(), gan, "feature-distill")
    side = {"generator": "images", "discriminator": "features"}[net]
    return "taught" if any(row.net.endswith(f"/{side}") for row in report.rows) else "not taught"


if __name__ == "__main__":
    print(generators(), discriminators(), sep="\n\n")
