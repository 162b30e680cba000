"""Measure samples against real images in the features of a frozen network: metrics, each with its floor."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.data.pixels import from_uint8
from zoo.errors import ConfigError, DataError, PluginError
from zoo.metrics.distances import fid, fid_infinity, kid, kid_interval
from zoo.metrics.manifolds import NEIGHBOURS, manifolds
from zoo.metrics.memorisation import memorisation, nearest
from zoo.metrics.slices import sliced_wasserstein
from zoo.metrics.types import FeatureSpace
from zoo.networks.utils import evaluating
from zoo.types import DataSpec, Metric

__all__ = ["SPLITS", "Reference", "evaluate", "feature_space", "features_of", "reference", "require_kind"]

SPLITS = ("held-out", "train")

_IMAGES = frozenset({"image"})
"""What a feature space measures unless it says so itself."""


def features_of(images: Tensor, spec: DataSpec, space: FeatureSpace, chunk: int = 256) -> Tensor:
    """Samples `(N, *spec.shape)`, images also as uint8 -> features `(N, dim)`, float32, CPU.

    Runs in eval mode without gradients, `chunk` samples at a time. Images are brought into [-1, 1]; values outside are
    clamped, as in an image file. Raises DataError for another shape, for a kind of data that the space does not
    measure, and for values that are not finite, PluginError unless the space returns finite `(n, dim)`.
    """
    require_kind(space, spec)
    if tuple(images.shape[1:]) != spec.shape:
        raise DataError(f"samples of shape {list(images.shape[1:])} are not {spec}")
    out = []
    mode = evaluating(space) if isinstance(space, nn.Module) else nullcontext()
    with torch.no_grad(), mode:
        for batch in torch.split(images, chunk):
            values = from_uint8(batch, spec) if batch.dtype == torch.uint8 else batch.float()
            if not torch.isfinite(values).all():
                raise DataError("samples hold values that are not finite", "Has training diverged?")
            if spec.is_image:
                values = ((values - spec.low) / (spec.high - spec.low) * 2 - 1).clamp(-1, 1)
            features = space.features(values.to(_device(space)))
            if tuple(features.shape) != (len(batch), space.dim) or not torch.isfinite(features).all():
                raise PluginError(
                    f"feature space {type(space).__name__} returned {list(features.shape)} for {len(batch)} images, "
                    f"not finite values of shape {[len(batch), space.dim]}"
                )
            out.append(features.float().cpu())
    return torch.cat(out) if out else torch.empty(0, space.dim)


def require_kind(space: FeatureSpace, spec: DataSpec) -> None:
    """Raise DataError if the space does not measure that kind of data."""
    kinds: frozenset[str] = getattr(space, "kinds", _IMAGES)
    if spec.kind not in kinds:
        raise DataError(
            f"{type(space).__name__} measures {' and '.join(sorted(kinds))} data, not {spec}",
            "Choose a metric for this kind of data: zoo components metric",
        )


def _samples(real: ImageSet, rows: Tensor) -> Tensor:
    """Those rows as stored, if that is bytes, else as samples."""
    return real.pixels[rows] if real.spec.is_image else real.batch(rows)


def _device(space: FeatureSpace) -> torch.device:
    tensors = [*space.parameters(), *space.buffers()] if isinstance(space, nn.Module) else []
    return tensors[0].device if tensors else torch.device("cpu")


class Reference:
    """The features of real images, computed once: each measurement computes only the samples' features.

    `space_id` is the metric component's id. `split` says which rows samples are compared with. A metric's floor is its
    value for the other rows, as many as there are samples, chosen with a fixed seed. If there are fewer, KID's floor
    uses all of them (it is unbiased at any count) and FID has none.
    Raises ConfigError for an unknown split, DataError if it has fewer than two rows.
    """

    def __init__(
        self, real: ImageSet, space: FeatureSpace, space_id: str, *, split: str = "held-out", chunk: int = 256
    ) -> None:
        if split not in SPLITS:
            raise ConfigError(f"split {split!r} is unknown", f"Use one of {', '.join(SPLITS)}.")
        rows, others = (real.held_out, real.train) if split == "held-out" else (real.train, real.held_out)
        if len(rows) < 2:
            raise DataError(
                f"{real.name} has {len(rows)} {split} images to compare with; at least 2 are needed",
                "Add images, or hold out a larger share.",
            )
        self.real = real
        self.space = space
        self.extractor = f"{space_id}@{space.sha256[:12]}"
        self.split = split
        self._chunk = chunk
        self._features = features_of(_samples(real, rows), real.spec, space, chunk)
        self._others = others
        self._train: Tensor | None = None
        self._floors: dict[tuple[int, bool], dict[str, tuple[float, int]]] = {}

    def measure(self, samples: Tensor, seeds: Sequence[int] = (0,), *, whole: bool = False) -> tuple[Metric, ...]:
        """KID (with a 95 % interval, `kid_interval`), FID, precision and recall of samples `(N, *shape)` in the spec's
        range. `whole` adds FID-infinity, density, coverage, the sliced Wasserstein distance and, for the split
        `held-out`, `memorisation`. Metrics that need more images than there are are left out.

        `seeds` are the samples' seeds, for the results. Raises DataError for fewer than two samples, another shape, or
        values that are not finite.
        """
        if len(samples) < 2:
            raise DataError(f"{len(samples)} samples cannot be measured", "Draw at least 2, better 1,000.")
        fake = features_of(samples, self.real.spec, self.space, self._chunk)
        floors = self._floor(len(fake), whole)
        value, interval = kid_interval(fake, self._features)
        figures = [_Figure("kid", value, len(fake)), *_biased(fake, self._features, whole)]
        if whole and self.split == "held-out" and len(self._others) > 1:
            gap, nearness = memorisation(fake, self._train_features(), self._features)
            figures += [_Figure("memorisation_gap", gap, len(fake)), _Figure("nearness", nearness, len(fake))]
        return tuple(
            Metric(
                name=figure.name,
                value=figure.value,
                n=figure.n,
                reference=len(self._features),
                data=self.real.name,
                split=self.split,
                extractor=self.extractor,
                floor=floors.get(figure.name),
                interval=interval if figure.name == "kid" else None,
                seeds=tuple(seeds),
            )
            for figure in figures
        )

    def neighbours(self, samples: Tensor) -> Tensor:
        """For each sample, the training image with the nearest features, uint8 `(N, *shape)`."""
        train = self._train_features() if self.split == "held-out" else self._features
        indices, _ = nearest(features_of(samples, self.real.spec, self.space, self._chunk), train)
        return self.real.pixels[self.real.train[indices]]

    def _train_features(self) -> Tensor:
        """The features of all training rows."""
        if self._train is None:
            self._train = features_of(_samples(self.real, self.real.train), self.real.spec, self.space, self._chunk)
        return self._train

    def _floor(self, samples: int, whole: bool) -> dict[str, float]:
        """The metrics of real images; those that depend on the count only if there are as many as samples."""
        count = min(samples, len(self._others))
        if count < 2:
            return {}
        if (count, whole) not in self._floors:
            rng = torch.Generator().manual_seed(0)
            rows = self._others[torch.randperm(len(self._others), generator=rng)[:count]]
            features = features_of(_samples(self.real, rows), self.real.spec, self.space, self._chunk)
            others = {f.name: (f.value, f.n) for f in _biased(features, self._features, whole)}
            self._floors[count, whole] = {"kid": (kid(features, self._features), count), **others}
        equal = min(samples, len(self._features))
        return {
            name: value
            for name, (value, n) in self._floors[count, whole].items()
            if name == "kid" or n == (equal if name in _EQUAL_COUNTS else samples)
        } | ({"memorisation_gap": 0.0, "nearness": 1.0} if whole else {})


class _Figure(NamedTuple):
    """A metric's value and the number of samples that it was computed from."""

    name: str
    value: float
    n: int


_EQUAL_COUNTS = frozenset({"precision", "recall", "density", "coverage", "sliced_wasserstein"})
"""Computed from equal counts of samples and real images: the first rows of both."""


def _biased(fake: Tensor, real: Tensor, whole: bool) -> list[_Figure]:
    """The metrics whose expectation depends on the counts."""
    figures = [_Figure("fid", fid(fake, real), len(fake))]
    if whole and len(fake) >= 30:
        figures.append(_Figure("fid_infinity", fid_infinity(fake, real), len(fake)))
    count = min(len(fake), len(real))
    if count > NEIGHBOURS:
        values = manifolds(real[:count], fake[:count])
        names = ("precision", "recall", "density", "coverage") if whole else ("precision", "recall")
        figures += [_Figure(name, getattr(values, name), count) for name in names]
    if whole:
        figures.append(_Figure("sliced_wasserstein", sliced_wasserstein(fake[:count], real[:count]), count))
    return figures


def reference(real: ImageSet, metric: str, *, split: str = "held-out", device: torch.device | str = "cpu") -> Reference:
    """A `Reference` in the features of the metric component `metric` (id or short name), computed on `device`.

    Raises UnknownName for an unknown component, and like `Reference`.
    """
    space = feature_space(metric, device)
    return Reference(real, space, plugins.find_component("metric", metric).id, split=split)


def feature_space(metric: str, device: torch.device | str = "cpu") -> FeatureSpace:
    """The feature space of the metric component `metric` (id or short name), on `device`. Raises UnknownName for an
    unknown one, PluginError for one that lacks something."""
    registered = plugins.find_component("metric", metric)
    space: FeatureSpace = plugins.build("metric", registered.id)
    plugins.require(registered, space, FeatureSpace)
    if isinstance(space, nn.Module):
        space.to(device)
    return space


def evaluate(
    samples: Tensor,
    real: ImageSet,
    space: FeatureSpace,
    space_id: str,
    *,
    split: str = "held-out",
    seeds: Sequence[int] = (0,),
) -> tuple[Metric, ...]:
    """KID, FID, precision and recall of samples `(N, *real.spec.shape)` in the spec's range; see `Reference`."""
    return Reference(real, space, space_id, split=split).measure(samples, seeds)
