"""Compose strategies: `A+B` is planned in the order of the slots, each on the GAN that the earlier ones left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from zoo import plugins
from zoo.config import to_plain
from zoo.errors import ConfigError, TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import Part, as_part
from zoo.networks.gan import GAN
from zoo.transfers.plan import Slot, TransferPlan, TransferStrategy
from zoo.types import PartSpec

__all__ = ["ResolvedStrategy", "Strategy", "plan", "resolve_strategies"]

Strategy = str | Sequence[Part]
"""`"decoder-init+encoder-init"`, or a list of parts where settings are needed."""

_SLOTS = list(Slot)


class ResolvedStrategy(NamedTuple):
    """A strategy that was asked for: what it is called and what it is."""

    spec: PartSpec
    strategy: TransferStrategy


def resolve_strategies(strategy: Strategy) -> list[ResolvedStrategy]:
    """The strategies named, in the order of their slots. Raises UnknownName or ConfigError."""
    parts: Sequence[Part] = [name.strip() for name in strategy.split("+")] if isinstance(strategy, str) else strategy
    if not parts or any(part == "" for part in parts):
        raise ConfigError(f"strategy {strategy!r} names nothing", "For example: decoder-init+encoder-init")
    if isinstance(strategy, str) and "," in strategy:
        joined = "+".join(name.strip() for name in strategy.replace("+", ",").split(",") if name.strip())
        raise ConfigError(f"strategies are joined by +, not by a comma: {strategy!r}", f"Write {joined}.")
    chosen = []
    for part in parts:
        registered, config = plugins.configure("transfer", as_part(part))
        built: TransferStrategy = plugins.build("transfer", PartSpec(registered.id, as_part(part).config))
        plugins.require(registered, built, TransferStrategy)
        chosen.append(ResolvedStrategy(PartSpec(registered.id, to_plain(config)), built))
    _refuse_clashes(chosen)
    return sorted(chosen, key=_planning_order)


def plan(source: Autoencoder, gan: GAN, chosen: Sequence[ResolvedStrategy]) -> TransferPlan:
    """One plan of all strategies. Reads no weight and no data: works on the meta device."""
    whole = TransferPlan(gan)
    for spec, strategy in chosen:
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
    _refuse_terms_on_images(whole, chosen)
    _refuse_broken_promises(whole)
    return whole


def _planning_order(chosen: ResolvedStrategy) -> tuple[int, int, str]:
    first_slot = min(map(_SLOTS.index, chosen.strategy.slots), default=-1)
    return chosen.strategy.order, first_slot, chosen.spec.component


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


def _refuse_clashes(chosen: Sequence[ResolvedStrategy]) -> None:
    owner: dict[Slot, str] = {}
    for spec, strategy in chosen:
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


def _refuse_terms_on_images(whole: TransferPlan, chosen: Sequence[ResolvedStrategy]) -> None:
    for name, term in whole.losses.items():
        if whole.task is not None and term.needs_images:
            task = next(spec.component for spec, strategy in chosen if Slot.TASK in strategy.slots)
            raise TransferError(
                f"{task} fills the slot 'task' with codes, and {name.rpartition('/')[0]} looks at images",
                "Choose one of the two.",
            )


def _refuse_broken_promises(whole: TransferPlan) -> None:
    for net, names in whole.required_tensors.items():
        missing = names - {edit.tensor for edit in whole.edits if edit.net == net}
        if missing:
            raise TransferError(
                f"{len(missing)} of {len(names)} tensors promised to the {net} get no value: {sorted(missing)[0]}, ..."
            )
