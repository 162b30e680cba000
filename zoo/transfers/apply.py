"""`zoo.transfer(...)`: plan on structure, then apply values once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, nn

from zoo.data.convert import convert_samples
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.encoding.codes import encode_images
from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import gan as compose_gan
from zoo.networks.gan import GAN
from zoo.networks.utils import digest
from zoo.transfers.auto import advise, measure_evidence
from zoo.transfers.beginning import autoencoder_of_source, begins_with_gan
from zoo.transfers.fetched import require_fetched
from zoo.transfers.fit_cost import describe_cost, refuse_costly
from zoo.transfers.parse import AUTO, Strategy
from zoo.transfers.plan import FurtherSource, TransferPlan
from zoo.transfers.report import Report, nets_of, report_on
from zoo.transfers.strategies import ResolvedStrategy, check_strategy, plan, resolve_strategies
from zoo.types import DataSpec, PartSpec

__all__ = ["TransferResult", "apply", "explain", "outline", "transfer"]

_NONE: Mapping[str, FurtherSource] = MappingProxyType({})


@dataclass(slots=True)
class TransferResult:
    """A GAN after a transfer, ready to train: the plan that made it, the source, and the origin of each tensor.

    `composed` are the GAN's parts as they were before the transfer (a strategy may have replaced one), and
    `composed_data` its samples. `further` are the further sources by name.
    """

    gan: GAN
    report: Report
    plan: TransferPlan
    strategies: Sequence[PartSpec]
    source: Autoencoder
    composed: Mapping[str, PartSpec]
    composed_data: DataSpec
    further: Mapping[str, FurtherSource] = field(default_factory=dict)


def transfer(
    source: Autoencoder | GAN,
    gan: GAN | None = None,
    strategy: Strategy = AUTO,
    *,
    further: Mapping[str, FurtherSource] = _NONE,
    data: str | ImageSet | None = None,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> TransferResult:
    """Initialise a GAN from `source` (by default a GAN composed like the source, with fresh weights from `seed`). A
    strategy that goes on from a trained GAN of codes takes that as the source.

    Neither a source nor `gan` is changed. `further` has the further sources that the strategies name, autoencoders or
    encoders (`zoo.encoder`). `data` is what the GAN will be trained on; strategies that fit something to codes need it.
    `auto` chooses by measuring both (`zoo.transfers.auto`). `tell` is called with one line about what will be fitted
    and about how long that takes. Raises UnknownName or ConfigError before the images are opened, and TransferError
    while planning, before anything is computed, also for a fit that would take hours.
    """
    resolved = check_strategy(strategy, further)
    for name, other in further.items():
        _check_further(name, other)
    gan, source = _begin(source, gan, resolved, seed)
    if data is not None and not isinstance(data, ImageSet):
        data = open_images(data, like=gan.output)
    if data is not None and gan.first_stage is not None and data.spec.is_image and not begins_with_gan(resolved):
        data = encode_images(data, gan.first_stage)[0]
    resolved, reasons = _choose(source, gan, data) if resolved is None else (resolved, ())
    fitted = [one.spec.component for one in resolved if any(use.needs_data for use in one.strategy.requires)]
    if fitted and data is None:
        raise _no_images(fitted[0])
    planned = plan(source, copy.deepcopy(gan), resolved, further)
    planned.notes[:0] = reasons
    if fitted and data is not None and len(data.to_fit()) < len(data.train):
        planned.notes.append(f"fitted to {len(data.to_fit()):,} of {len(data.train):,} images, evenly spread")
    report = report_on(planned, _join_ids(resolved), digest(source))

    fits = _describe_fits(planned, 0 if data is None else len(data.to_fit()))
    if fits and tell is not None:
        tell(f"before the first step: {'; '.join(fits)}")

    def images() -> Tensor:
        if data is None:
            raise _no_images(_join_ids(resolved))
        return data.batch(data.to_fit())

    def labels() -> Tensor | None:
        return None if data is None else data.conditions(data.to_fit())

    apply(planned, source, images, labels, further)
    chosen = [one.spec for one in resolved]
    return TransferResult(planned.gan, report, planned, chosen, source, gan.specs, gan.data, further)


def explain(
    source: Autoencoder | GAN,
    gan: GAN | None,
    strategy: Strategy = AUTO,
    source_digest: str = "",
    *,
    further: Mapping[str, FurtherSource] = _NONE,
    data: ImageSet | None = None,
) -> Report:
    """What would move where, from structure alone (all may be on the meta device). With `data`, `auto` also measures
    the source's values. Raises like `transfer`."""
    planned, resolved = _outline(source, gan, strategy, further, data)
    return report_on(planned, _join_ids(resolved), source_digest)


def outline(
    source: Autoencoder | GAN, gan: GAN | None, strategy: Strategy, further: Mapping[str, FurtherSource] = _NONE
) -> TransferPlan:
    """The plan of a transfer, from structure alone like `explain`, without values. Raises like `transfer`."""
    return _outline(source, gan, strategy, further, None)[0]


def _outline(
    source: Autoencoder | GAN,
    gan: GAN | None,
    strategy: Strategy,
    further: Mapping[str, FurtherSource],
    data: ImageSet | None,
) -> tuple[TransferPlan, list[ResolvedStrategy]]:
    resolved = check_strategy(strategy, further)
    gan, source = _begin(source, gan, resolved)
    resolved, reasons = _choose(source, gan, data) if resolved is None else (resolved, ())
    planned = plan(source, copy.deepcopy(gan), resolved, further)
    planned.notes[:0] = reasons
    return planned, resolved


def _begin(
    source: Autoencoder | GAN, gan: GAN | None, resolved: list[ResolvedStrategy] | None, seed: int = 0
) -> tuple[GAN, Autoencoder]:
    """The GAN to change, and the autoencoder to do it from."""
    autoencoder = autoencoder_of_source(source, resolved)
    if isinstance(source, GAN):
        if gan is not None:
            raise TransferError("the source is a GAN, and a second one was given", "Leave out the second one.")
        return source, autoencoder
    return compose_gan(like=source, seed=seed) if gan is None else gan, autoencoder


def _choose(source: Autoencoder, gan: GAN, data: ImageSet | None) -> tuple[list[ResolvedStrategy], Sequence[str]]:
    """The strategy that `auto` stands for, and why."""
    advice = advise(source, gan, None if data is None else measure_evidence(source, gan, data))
    return resolve_strategies(advice.strategy), advice.reasons


@torch.no_grad()
def apply(
    planned: TransferPlan,
    source: Autoencoder,
    images: Callable[[], Tensor],
    labels: Callable[[], Tensor | None] = lambda: None,
    further: Mapping[str, FurtherSource] = _NONE,
) -> None:
    """Run every edit of a plan, in order. `images` gives the target's training images, and is called at most once;
    `labels` gives their conditions, `further` are the further sources by name."""
    require_fetched(nets_of(planned), planned.edits)
    if any(edit.net.startswith("source.") for edit in planned.edits):
        source = copy.deepcopy(source)
    nets = nets_of(planned) | {f"source.{role}": part for role, part in source.parts.items()}
    context = _Context(source, further, nets, images, labels, planned.gan.data)
    for edit in planned.edits:
        target = context.nets[edit.net].state_dict()[edit.tensor]
        value = edit.value(context)
        if value.shape != target.shape:
            raise TransferError(
                f"{edit.net}.{edit.tensor} is {list(target.shape)}, its value ({edit.how}) is {list(value.shape)}"
            )
        target.copy_(value)


def _describe_fits(planned: TransferPlan, images: int) -> list[str]:
    """A line about each fit, with its time if it is known and long. Raises TransferError for one that is too costly."""
    lines = []
    for how in dict.fromkeys(edit.how for edit in planned.edits if edit.origin == "fitted"):
        about = ""
        if how in planned.fit_costs:
            cost = planned.fit_costs[how](images)
            refuse_costly(how, cost)
            about = describe_cost(cost)
        lines.append(f"{how} ({about})" if about else how)
    return lines


def _check_further(name: str, source: object) -> None:
    if not isinstance(source, FurtherSource):
        raise TransferError(
            f"the further source {name!r} is a {type(source).__name__}, not an autoencoder or an encoder",
            "Give zoo.load(...).autoencoder, or zoo.encoder(...).",
        )


def _no_images(strategy: str) -> TransferError:
    return TransferError(
        f"{strategy} is fitted to your images, and no data was given",
        "Give data=..., a data set's name, a folder or an .npz.",
    )


def _join_ids(resolved: Sequence[ResolvedStrategy]) -> str:
    return "+".join(one.spec.component for one in resolved)


@dataclass(slots=True)
class _Context:
    source: Autoencoder
    further: Mapping[str, FurtherSource]
    nets: Mapping[str, nn.Module]
    open_images: Callable[[], Tensor]
    labels: Callable[[], Tensor | None]
    spec: DataSpec
    kept: dict[str, Tensor] = field(default_factory=dict)

    def images(self) -> Tensor:
        if "images" not in self.kept:
            self.kept["images"] = self.open_images()
        return self.kept["images"]

    def codes(self) -> Tensor:
        if "codes" not in self.kept:
            self.kept["codes"] = self.source.encode(convert_samples(self.images(), self.spec, self.source.data))
        return self.kept["codes"]
