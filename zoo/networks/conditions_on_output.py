"""Samples that satisfy conditions on what they are, such as `cut=Ideal`: drawn until enough do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.data.modalities import modality_of
from zoo.errors import ConfigError
from zoo.types import DataSpec

__all__ = ["draw_where"]

_MOST = 1_000_000
_HOPELESS = 100_000
_FIRST, _LARGEST = 256, 8_192


def draw_where(draw: Callable[[range], Tensor], n: int, spec: DataSpec, wanted: Sequence[str]) -> Tensor:
    """The first n samples that satisfy every condition, of those that `draw` gives for the numbers 0, 1, 2, ...: these
    are exactly the model's own distribution under the conditions (rejection sampling), whatever it was trained with.

    `spec` is what `draw` gives. Raises ConfigError for a spec without a modality, a condition that the modality
    refuses, and if too few of a million samples satisfy them.
    """
    if spec.modality is None:
        raise ConfigError(f"conditions are on columns, and samples are {spec}", "Ask for a class: --class NAME.")
    modality = modality_of(spec)
    modality.matches(torch.empty(0, *spec.shape), wanted)  # refuses what none could satisfy
    kept: list[Tensor] = []
    count, drawn, size = 0, 0, _FIRST
    while count < n:
        if drawn >= (_MOST if count else _HOPELESS):
            fewer = f"Ask for at most {count}" if count else "Ask for less at once"
            raise ConfigError(
                f"{count:,} of {drawn:,} samples satisfy {' and '.join(wanted)}, and {n:,} are asked for",
                f"{fewer}: these are rare in what the model learnt.",
            )
        samples = draw(range(drawn, drawn + size))
        kept.append(samples[modality.matches(samples, wanted)])
        count += len(kept[-1])
        drawn += size
        size = min(2 * size, _LARGEST)
    return torch.cat(kept)[:n]
