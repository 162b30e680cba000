"""Test vectors: what a pair gave for fixed inputs when it was released, so that anyone can see that it still does.

Flat names: `x`, `code`, `reconstruction`, `z`, `sample`, `logits`, and for every module that ran
`statistic/<role>/<order>/<module>` with the mean, standard deviation and largest magnitude of its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import evaluating

__all__ = ["Difference", "compare", "record_vectors", "stage"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One vector that was not reproduced: how many of its values lie outside the tolerance, and the largest error."""

    name: str
    outside: int
    values: int
    largest: float


@torch.no_grad()
def record_vectors(autoencoder: Autoencoder | None, gan: GAN | None, x: Tensor, z: Tensor | None) -> dict[str, Tensor]:
    """Run the pair on samples x (N, *data.shape) and, with a GAN, codes z (N, latent_dim), in eval mode."""
    vectors: dict[str, Tensor] = {"x": x}
    if autoencoder is not None:
        with evaluating(autoencoder):
            with _statistics(autoencoder.encoder, "encoder", vectors):
                embedding = autoencoder.encoder.features(x).embedding
            with _statistics(autoencoder.bottleneck, "bottleneck", vectors):
                vectors["code"] = autoencoder.bottleneck(embedding).mean
            with _statistics(autoencoder.decoder, "decoder", vectors):
                vectors["reconstruction"] = autoencoder.decoder(vectors["code"])
    if gan is not None and z is not None:
        vectors["z"] = z
        with evaluating(gan):
            with _statistics(gan.generator, "generator", vectors):
                vectors["sample"] = gan.generator(z)
            with _statistics(gan.discriminator, "discriminator", vectors):
                vectors["realness"] = gan.discriminator.discriminate(x).logits
    return vectors


def compare(
    recorded: Mapping[str, Tensor], given: Mapping[str, Tensor], *, rtol: float, atol: float, per_million: int
) -> list[Difference]:
    """The vectors that differ, in the order in which the modules ran (statistics first, then the results).

    A vector may have `per_million` of its values outside `atol + rtol |recorded|`. One that is missing on either side
    differs in all its values.
    """
    differences = []
    for name in sorted(set(recorded) | set(given), key=_order):
        a, b = recorded.get(name), given.get(name)
        if a is None or b is None or a.shape != b.shape:
            n = (a if a is not None else b).numel()  # type: ignore[union-attr]
            differences.append(Difference(name, n, n, float("inf")))
            continue
        error = (a.double() - b.double()).abs()
        outside = int((~(error <= atol + rtol * a.double().abs())).sum())  # NaN is outside too
        if outside * 1_000_000 > per_million * a.numel():
            differences.append(Difference(name, outside, a.numel(), float(error.max())))
    return differences


def stage(name: str) -> str:
    """A vector's name as words: the module whose output it describes, or the result."""
    parts = name.split("/", 3)
    return f"module {parts[3]} of the {parts[1]}" if parts[0] == "statistic" and len(parts) == 4 else f"the {name}"


_ROLES = ("encoder", "bottleneck", "decoder", "generator", "discriminator")


def _order(name: str) -> tuple[int, str]:
    parts = name.split("/")
    return (_ROLES.index(parts[1]), name) if parts[0] == "statistic" and parts[1] in _ROLES else (len(_ROLES), name)


@contextmanager
def _statistics(module: nn.Module, role: str, into: dict[str, Tensor]) -> Iterator[None]:
    """Note each inner module's first output while the block runs."""
    seen: set[str] = set()
    handles = []

    def watch(name: str, part: nn.Module) -> None:
        def note(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and name not in seen:
                values = output.double()
                figures = torch.stack([values.mean(), values.std(correction=0), values.abs().max()])
                into[f"statistic/{role}/{len(seen):04d}/{name}"] = figures
                seen.add(name)

        handles.append(part.register_forward_hook(note))

    for name, part in module.named_modules():
        if name:
            watch(name, part)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
