"""Test vectors: the outputs of a release for fixed inputs, so that anyone can check that it still computes the same.

Flat names: `x`, `decoded` (by the first stage, if there is one), `code`, `reconstruction`, `z`, `condition`, `sample`,
`realness` (the logits), `drawn` (codes of the prior), `drawn_sample`, and for every module that ran
`statistic/<role>/<order>/<module>` with the mean, standard deviation and largest magnitude of its output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zoo._utils.seeds import Stream, stream
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.conditioning import condition_arguments
from zoo.networks.gan import GAN
from zoo.networks.utils import evaluating

__all__ = ["Difference", "compare", "describe_vector", "drawn_stream", "record_vectors"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A vector that was not reproduced: how many of its values are outside the tolerance, and the largest error."""

    name: str
    outside: int
    values: int
    largest: float


@torch.no_grad()
def record_vectors(
    autoencoder: Autoencoder | None, gan: GAN | None, x: Tensor, z: Tensor | None, condition: Tensor | None = None
) -> dict[str, Tensor]:
    """The vectors for samples x (N, *data.shape) and, with a GAN, codes z (N, *code_shape), in eval mode. A decoder and
    a GAN that take one get the `condition` of each."""
    vectors: dict[str, Tensor] = {"x": x}
    if condition is not None:
        vectors["condition"] = condition
    model = gan or autoencoder
    if model is not None and model.first_stage is not None:
        vectors["decoded"] = model.to_output(x)
    if autoencoder is not None:
        with evaluating(autoencoder):
            with _statistics(autoencoder.encoder, "encoder", vectors):
                embedding = autoencoder.encoder.features(x).embedding
            with _statistics(autoencoder.bottleneck, "bottleneck", vectors):
                vectors["code"] = autoencoder.bottleneck(embedding).mean
            with _statistics(autoencoder.decoder, "decoder", vectors):
                of_x = condition_arguments(autoencoder.decoder, None if condition is None else condition[: len(x)])
                vectors["reconstruction"] = autoencoder.decoder(vectors["code"], *of_x)
    if gan is not None and z is not None:
        vectors["z"] = z
        with evaluating(gan):
            with _statistics(gan.generator, "generator", vectors):
                vectors["sample"] = gan.generator(z, *condition_arguments(gan.generator, condition))
            with _statistics(gan.discriminator, "discriminator", vectors):
                conditions = condition_arguments(gan.discriminator, None if condition is None else condition[: len(x)])
                vectors["realness"] = gan.discriminator.discriminate(x, *conditions).logits
        vectors["drawn"] = gan.prior.sample(len(z), drawn_stream(), *condition_arguments(gan.prior, condition))
        vectors["drawn_sample"] = gan.generate(vectors["drawn"], condition)
    return vectors


def drawn_stream() -> Stream:
    """The stream of the vectors `drawn`: one for all codes, as releases of every version recorded them."""
    return stream(0, "sample")


def compare(
    recorded: Mapping[str, Tensor], given: Mapping[str, Tensor], *, rtol: float, atol: float, per_million: int
) -> list[Difference]:
    """The vectors that differ, in the order of the modules (statistics first, then the results).

    A vector may have `per_million` of its values outside `atol + rtol |recorded|`. A vector that is missing on either
    side differs in all its values, and so does every value that is not finite on both.
    """
    differences = []
    for name in sorted(set(recorded) | set(given), key=_order):
        a, b = recorded.get(name), given.get(name)
        if a is None or b is None or a.shape != b.shape:
            n = next(vector.numel() for vector in (a, b) if vector is not None)
            differences.append(Difference(name, n, n, float("inf")))
            continue
        error = (a.double() - b.double()).abs()
        inside = (error <= atol + rtol * a.double().abs()) & a.isfinite() & b.isfinite()
        outside = int((~inside).sum())
        if outside * 1_000_000 > per_million * a.numel():
            differences.append(Difference(name, outside, a.numel(), float(error.max())))
    return differences


def describe_vector(name: str) -> str:
    """A vector's name for messages: the module that it describes, or the result."""
    fields = name.split("/", 3)
    return f"module {fields[3]} of the {fields[1]}" if fields[0] == "statistic" and len(fields) == 4 else f"the {name}"


_ROLES = ("encoder", "bottleneck", "decoder", "generator", "discriminator")


def _order(name: str) -> tuple[int, str]:
    fields = name.split("/")
    if fields[0] == "statistic" and fields[1] in _ROLES:
        return _ROLES.index(fields[1]), name
    return len(_ROLES) + name.startswith("drawn"), name


@contextmanager
def _statistics(net: nn.Module, role: str, vectors: dict[str, Tensor]) -> Iterator[None]:
    """Record statistics of each submodule's first output while the block runs."""
    recorded: set[str] = set()
    handles = []

    def observe(name: str, module: nn.Module) -> None:
        def record(_module: nn.Module, _inputs: object, output: object) -> None:
            if isinstance(output, Tensor) and name not in recorded:
                values = output.double()
                statistics = torch.stack([values.mean(), values.std(correction=0), values.abs().max()])
                vectors[f"statistic/{role}/{len(recorded):04d}/{name}"] = statistics
                recorded.add(name)

        handles.append(module.register_forward_hook(record))

    for name, module in net.named_modules():
        if name:
            observe(name, module)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
