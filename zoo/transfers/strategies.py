"""Compose strategies: `A+B` is planned in the order of the slots, each on the GAN as the earlier ones changed it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from zoo import plugins
from zoo.config import to_plain
from zoo.errors import TransferError, near
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.conditioning import takes_condition
from zoo.networks.gan import GAN
from zoo.networks.pretrained import values_follow
from zoo.transfers.class_decoder import refuse_class_decoder
from zoo.transfers.parse import AUTO, Strategy, check_source_name, is_auto, parse_strategy
from zoo.transfers.plan import FurtherSource, Slot, TransferPlan, TransferStrategy
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


def check_strategy(strategy: Strategy, further: Iterable[str] = ()) -> list[ResolvedStrategy] | None:
    """`resolve_strategies`, or None for `auto`; `further` are the names of the further sources that are given. Call it
    before anything is opened: it needs the names alone. Raises TransferError if a strategy lacks a further source, or
    none uses one that is given."""
    parts = parse_strategy(strategy)
    resolved = None if is_auto(parts) else resolve_strategies(parts)
    _refuse_other_sources(resolved or (), further)
    return resolved


def plan(
    source: Autoencoder,
    gan: GAN,
    resolved: Sequence[ResolvedStrategy],
    further: Mapping[str, FurtherSource] = MappingProxyType({}),
) -> TransferPlan:
    """One plan of all strategies. Reads no weight and no data: works on the meta device."""
    _refuse_other_sources(resolved, further)
    refuse_class_decoder(source, gan, resolved)
    merged = TransferPlan(gan)
    for spec, strategy in resolved:
        own = {name: further[name] for name in strategy.further}
        with values_follow():  # edits give them
            added = _qualified(strategy.plan_from(source, own, merged.gan), spec.component)
        for net, name in added.wraps.items():
            _move_inside(merged, net, name)
        _refuse_lost_condition(merged.gan, added.gan, spec)
        merged.gan = added.gan
        merged.edits += added.edits
        for net, names in added.frozen.items():
            merged.frozen.setdefault(net, set()).update(names)
        for net, names in added.required_tensors.items():
            merged.required_tensors.setdefault(net, set()).update(names)
        for key, schedules in added.schedules.items():
            merged.schedules.setdefault(key, []).extend(schedules)
        merged.losses.update(added.losses)
        _merge_recipe(merged, added, spec)
        merged.objective = added.objective or merged.objective
        merged.task = added.task or merged.task
        merged.to_latent = added.to_latent or merged.to_latent
        merged.phases += added.phases
        merged.notes += added.notes
        merged.fit_costs.update(added.fit_costs)
    _refuse_losses_on_images(merged, resolved)
    _refuse_missing_tensors(merged)
    return merged


def _refuse_other_sources(resolved: Sequence[ResolvedStrategy], given: Iterable[str]) -> None:
    known = set(given)
    wanted = {name: spec.component for spec, strategy in resolved for name in strategy.further}
    for name, component in wanted.items():
        check_source_name(name)
        if name not in known:
            raise TransferError(
                f"{component} uses a further source {name!r}, and none is given",
                f"In Python further={{{name!r}: ...}}, with the command --further {name}=RELEASE, in a recipe "
                f"[transfer.further.{name}].",
            )
    for name in sorted(known - set(wanted)):
        used_by = "+".join(spec.component for spec, _ in resolved) or AUTO
        raise TransferError(f"{used_by} uses no further source {name[:80]!r}", near(name, wanted) or "Leave it out.")


def _planning_order(resolved: ResolvedStrategy) -> tuple[int, int, str]:
    first_slot = min(map(_SLOTS.index, resolved.strategy.slots), default=-1)
    return resolved.strategy.order, first_slot, resolved.spec.component


def _qualified(added: TransferPlan, component: str) -> TransferPlan:
    """The plan with its losses named after their strategy, so that two strategies never share a name."""

    def net(name: str) -> str:
        return f"losses.{component}/{name.removeprefix('losses.')}" if name.startswith("losses.") else name

    added.losses = {f"{component}/{name}": term for name, term in added.losses.items()}
    added.edits = [replace(edit, net=net(edit.net)) for edit in added.edits]
    added.frozen = {net(name): names for name, names in added.frozen.items()}
    added.required_tensors = {net(name): names for name, names in added.required_tensors.items()}
    return added


def _move_inside(merged: TransferPlan, net: str, name: str) -> None:
    """Rename what earlier strategies planned for a net that is now the child `name` of another."""
    merged.edits = [replace(edit, tensor=f"{name}.{edit.tensor}") if edit.net == net else edit for edit in merged.edits]
    for names in (merged.frozen, merged.required_tensors, *(phase.unfreezes for phase in merged.phases)):
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


def _merge_recipe(merged: TransferPlan, added: TransferPlan, spec: PartSpec) -> None:
    for key, value in added.recipe.items():
        if key in merged.recipe and merged.recipe[key] != value:
            raise TransferError(
                f"{spec.component} asks for {key} = {value!r}, another strategy for {merged.recipe[key]!r}"
            )
        merged.recipe[key] = value
        merged.notes.append(f"{spec.component} sets {key} = {value!r}")


def _refuse_lost_condition(before: GAN, after: GAN, spec: PartSpec) -> None:
    for role, part in before.parts.items():
        if takes_condition(part) and not takes_condition(after.parts[role]):
            raise TransferError(
                f"{spec.component} replaces the {role} {before.specs[role].component}, which takes a class or "
                "attributes, by one that takes none: labels would be lost",
                "Leave one of the two out.",
            )


def _refuse_losses_on_images(merged: TransferPlan, resolved: Sequence[ResolvedStrategy]) -> None:
    for name, term in merged.losses.items():
        if merged.task is not None and term.needs_images and not merged.task.judges.same_values(merged.gan.data):
            task = next(spec.component for spec, strategy in resolved if Slot.TASK in strategy.slots)
            raise TransferError(
                f"{task} fills the slot 'task' with {merged.task.judges}, and {name.rpartition('/')[0]} needs "
                f"{merged.gan.data}",
                "Choose one of the two.",
            )


def _refuse_missing_tensors(merged: TransferPlan) -> None:
    for net, names in merged.required_tensors.items():
        missing = names - {edit.tensor for edit in merged.edits if edit.net == net}
        if missing:
            raise TransferError(
                f"{len(missing)} of {len(names)} required tensors of the {net} get no value: {sorted(missing)[0]}, ..."
            )
