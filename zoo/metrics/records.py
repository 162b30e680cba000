"""Figures of samples with a modality, such as a table's rows: its own, in place of those in a feature space."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from zoo.data.images import ImageSet
from zoo.data.modalities import digest_of, modality_of
from zoo.errors import DataError
from zoo.types import Metric

__all__ = ["measure_records"]


def measure_records(samples: Tensor, real: ImageSet, seeds: Sequence[int] = (0,)) -> tuple[Metric, ...]:
    """The figures that the modality of `real` computes of samples `(N, *spec.shape)` against its held-out rows, each
    with its floor. Raises DataError for fewer than two samples or held-out rows."""
    if min(len(samples), len(real.held_out)) < 2:
        raise DataError(
            f"{len(samples)} samples cannot be compared with {len(real.held_out)} held-out rows", "Two of both can."
        )
    spec = real.spec.modality
    assert spec is not None, "images are measured in a feature space"
    figures = modality_of(real.spec).figures(samples, real.batch(real.held_out), real.batch(real.train))
    return tuple(
        Metric(
            name=name,
            value=value,
            n=len(samples),
            reference=len(real.held_out),
            data=real.name,
            split="held-out",
            extractor=f"{spec.component}@{digest_of(spec)}",
            floor=floor,
            seeds=tuple(seeds),
        )
        for name, (value, floor) in figures.items()
    )
