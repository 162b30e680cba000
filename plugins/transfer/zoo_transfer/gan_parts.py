"""Put a component of this plugin into a GAN, and check that the GAN and the source go together."""

from __future__ import annotations

from typing import Any

import torch

from zoo.plugin import (
    GAN,
    Autoencoder,
    DataSpec,
    Generator,
    PartSpec,
    TransferError,
    build_part,
    normalise,
    to_plain,
)

__all__ = ["device_of", "drawn_seed", "inner_generator", "require_same_latent", "with_component"]


def device_of(gan: GAN) -> str:
    """The type of the GAN's device: `cpu`, `cuda`, `meta`, ..."""
    return next(gan.generator.parameters()).device.type


def drawn_seed() -> int:
    """A seed from torch's global generator: a component whose own parts are to differ with it gives them this one."""
    return int(torch.randint(2**31, (), device="cpu"))


def with_component(gan: GAN, role: str, name: str, config: Any, *, inner: str = "", seed: int = 0) -> GAN:
    """The GAN with the component `transfer/<name>` as its `generator` or `discriminator`, with fresh weights from
    `seed`. If `inner` is given, the new part wraps the old one, which becomes its child of that name."""
    spec = normalise(role, PartSpec(f"transfer/{name}", to_plain(config)))
    sizes = (gan.data, gan.code_shape) if role == "generator" else (gan.data,)
    part = build_part(role, spec, name, *sizes, seed=seed, device=device_of(gan))
    if inner:
        setattr(part, inner, gan.parts[role])
    return gan.with_part(role, part, spec)


def inner_generator(spec: PartSpec, data: DataSpec, code_shape: tuple[int, ...]) -> Generator:
    """The generator inside a component, on torch's default device; its weights differ with the component's."""
    seed, device = drawn_seed(), torch.get_default_device().type
    inner: Generator = build_part("generator", spec, "generator", data, code_shape, seed=seed, device=device)
    return inner


def require_same_latent(source: Autoencoder, gan: GAN, strategy: str) -> None:
    """Raises TransferError if the GAN's codes have another shape than the autoencoder's."""
    if source.code_shape != gan.code_shape:
        raise TransferError(
            f"{strategy}: the autoencoder's codes are {list(source.code_shape)}, the GAN's {list(gan.code_shape)}",
            f"Compose the GAN with code_shape={source.code_shape}.",
        )
