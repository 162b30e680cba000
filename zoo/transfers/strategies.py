"""Compose strategies: `A+B` is planned in the order of the slots, each on the GAN as the earlier ones changed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from zoo import plugins
from zoo.config import to_plain
from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.parse import Strategy, is_auto, parse_strategy
from zoo.transfers.plan import Slot, TransferPlan, TransferStrategy
from zoo.types import PartSpec

__all__ = ["ResolvedStrategy", "check_strategy", "plan", "resolve_strategies"]

_SLOTS = list(Slot)


class ResolvedStrategy(NamedTuple):
    """A strategy by its full id with every setting written out, and the object that plans it."""

    spec: PartSpec
    strategy: TransferStrategy


def resolve_strategies(strategy: Strategy) -> list[ResolvedStrategy]:
    """The strategies named, in the order of their slots. Raises UnknownName or ConfigError."""
    resolved = []
    for part in parse_strategy(strategy):
        registered, config = plugins.configure("transfer", part)
        built: TransferStrategy = plugins.build("transfer", PartSpec(registered.id, part.config))
        plugins.require(registered, built, TransferStrategy)
        resolved.append(ResolvedStrategy(PartSpec(registered.id, to_plain(config)), built))
    _refuse_clashes(resolved)
    return sorted(resolved, key=_planning_order)


def check_strategy(strategy: Strategy) -> list[ResolvedStrategy] | None:
    """`resolve_strategies`, or None for `auto`. Call it before anything is opened: it needs the names alone."""
    parts = parse_strategy(strategy)
    return None if is_auto(parts) else resolve_strategies(parts)


def plan(source: Autoencoder, gan: GAN, resolved: Sequence[ResolvedStrategy]) -> TransferPlan:
    """One plan of all strategies. Reads no weight and no data: works on the meta device."""
    whole = TransferPlan(gan)
    for spec, strategy in resolved:
        step = _qualified(strategy.plan(source, whole.gan), spec.component)
        for net, name in step.wraps.items():
            _move_inside(whole, net, name)
        whole.gan = step.gan
        whole.edits += step.edits
        for net, names in step.frozen.items():
            whole.frozen.setdefault(net, set()).update(names)
        for net, names in step.required_tensors.items():
            whole.required_tensors.setdefault(net, set()).update(names)
        for key, schedules in step.schedules.items():
            whole.schedules.setdefault(key, []).extend(schedules)
        whole.losses.update(step.losses)
        _merge_recipe(whole, step, spec)
        whole.objective = step.objective or whole.objective
        whole.task = step.task or whole.task
        whole.to_latent = step.to_latent or whole.to_latent
        whole.phases += step.phases
        whole.notes += step.notes
    _refuse_terms_on_images(whole, resolved)
    _refuse_missing_tensors(whole)
    return whole


def _planning_order(resolved: ResolvedStrategy) -> tuple[int, int, str]:
    first_slot = min(map(_SLOTS.index, resolved.strategy.slots), default=-1)
    return resolved.strategy.order, first_slot, resolved.spec.component


def _qualified(step: TransferPlan, component: str) -> TransferPlan:
    """The step with its terms named after their strategy, so that two strategies never share a name."""

    def net(name: str) -> str:
        return f"losses.{component}/{name.removeprefix('losses.')}" if name.startswith("losses.") else name

    step.losses = {f"{component}/{name}": term for name, term in step.losses.items()}
    step.edits = [replace(edit, net=net(edit.net)) for edit in step.edits]
    step.frozen = {net(name): names for name, names in step.frozen.items()}
    step.required_tensors = {net(name): names for name, names in step.required_tensors.items()}
    return step


def _move_inside(whole: TransferPlan, net: str, name: str) -> None:
    """Rename what earlier strategies planned for a net that is now the child `name` of another."""
    whole.edits = [replace(edit, tensor=f"{name}.{edit.tensor}") if edit.net == net else edit for edit in whole.edits]
    for names in (whole.frozen, whole.required_tensors, *(phase.unfreezes for phase in whole.phases)):
        if net in names:
            names[net] = {f"{name}.{tensor}" for tensor in names[net]}


def _refuse_clashes(resolved: Sequence[ResolvedStrategy]) -> None:
    owner: dict[Slot, str] = {}
    for spec, strategy in resolved:
        for slot in sorted(strategy.slots, key=_SLOTS.index):
            if slot.exclusive and slot in owner:
                raise TransferError(
                    f"{owner[slot]} and {spec.component} both fill the slot {slot.value!r}", "Choose one of the two."
                )
            owner[slot] = spec.component


def _merge_recipe(whole: TransferPlan, step: TransferPlan, spec: PartSpec) -> None:
    for key, value in step.recipe.items():
        if key in whole.recipe and whole.recipe[key] != value:
            raise TransferError(
                f"{spec.component} asks for {key} = {value!r}, another strategy for {whole.recipe[key]!r}"
            )
        whole.recipe[key] = value
        whole.notes.append(f"{spec.component} sets {key} = {value!r}")


def _refuse_terms_on_images(whole: TransferPlan, resolved: Sequence[ResolvedStrategy]) -> None:
    for name, term in whole.losses.items():
        if whole.task is not None and term.needs_images:
            task = next(spec.component for spec, strategy in resolved if Slot.TASK in strategy.slots)
            raise TransferError(
                f"{task} fills the slot 'task' with codes, and {name.rpartition('/')[0]} needs images",
                "Choose one of the two.",
            )


def _refuse_missing_tensors(whole: TransferPlan) -> None:
    for net, names in whole.required_tensors.items():
        missing = names - {edit.tensor for edit in whole.edits if edit.net == net}
        if missing:
            raise TransferError(
                f"{len(missing)} of {len(names)} tensors promised to the {net} get no value: {sorted(missing)[0]}, ..."
            )
