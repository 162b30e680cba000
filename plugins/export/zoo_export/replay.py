"""The release's test vectors through a written graph: how far it is from the release, and whether that is too far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from zoo.plugin import (
    GAN,
    IntegrityError,
    LoadedRelease,
    Replay,
    condition_arguments,
    drawn_stream,
    replay_vectors,
)
from zoo_export.choices import Precision
from zoo_export.graphs import Graph

__all__ = ["LIMITS", "Loss", "Program", "complete_vectors", "measure"]

Program = Callable[[tuple[Tensor, ...]], Tensor]
"""A graph that was read back from its file: inputs in order -> output."""

LIMITS: dict[Precision, float] = {"fp32": 1e-4, "fp16": 1e-2, "int8": 1e-1}
"""The relative error above which a graph is refused. A weight of 8 bits is off by about 0.4 %, one of float16 by
0.05 %, and layers add that up; a wrong graph is off by about 100 %."""


@dataclass(frozen=True, slots=True)
class Loss:
    """How far a graph is from the test vectors: the `largest` absolute error of a value, and the norm of all errors
    `relative` to the norm of all values. Compares `rows` rows."""

    largest: float
    relative: float
    rows: int


def complete_vectors(release: LoadedRelease) -> dict[str, Tensor]:
    """The test vectors of a release: those that it records, and what older releases do not record, computed now.

    Raises IntegrityError if this machine does not reproduce them, ReleaseError if the release has none.
    """
    replayed = replay_vectors(release.folder, release.manifest)
    if replayed.differences:
        raise IntegrityError(
            f"{release.manifest.name}: this machine does not reproduce its {replayed.differences[0].name}",
            "See what differs: zoo verify RELEASE",
        )
    vectors = {**replayed.given, **replayed.recorded}
    return vectors if release.gan is None else vectors | _drawn(release.gan, replayed)


def _drawn(gan: GAN, replayed: Replay) -> dict[str, Tensor]:
    if "drawn" in replayed.recorded:
        return {}
    condition = replayed.recorded.get("condition")
    count = len(replayed.recorded["z"])
    drawn = gan.prior.sample(count, drawn_stream(), *condition_arguments(gan.prior, condition))
    return {"drawn": drawn, "drawn_sample": gan.generate(drawn, condition)}


def measure(graph: Graph, program: Program, precision: Precision) -> Loss:
    """The loss of a written graph. Raises IntegrityError if it is above the precision's limit, if a value is not
    finite, or if one row alone gives something else than it gives in a batch."""
    result = program(graph.given)
    first = program(tuple(tensor[:1] for tensor in graph.given))
    if result.shape != graph.expected.shape or first.shape[0] != 1:
        raise IntegrityError(
            f"the written {graph.role} gives {list(result.shape)}, not {list(graph.expected.shape)}", _HINT
        )
    loss = _loss(result, graph.expected)
    apart = _loss(first, result[:1]).relative
    limit = LIMITS[precision]
    for what, value in (("the release", loss.relative), ("itself when it gets one row alone", apart)):
        if not value <= limit:
            raise IntegrityError(
                f"the written {graph.role} differs from {what}: relative error {value:.2g}, at most {limit:g}", _HINT
            )
    return loss


def _loss(given: Tensor, expected: Tensor) -> Loss:
    error = given.double() - expected.double()
    relative = error.norm() / expected.double().norm().clamp(min=1e-12)
    return Loss(float(error.abs().max()), float(relative), len(expected))


_HINT = "Nothing was written. Another --precision or --format may do; else tell the component's author."
