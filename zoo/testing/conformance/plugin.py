"""Check a whole plugin without pytest: whether it loads, then every check of every component."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from zoo import plugins
from zoo.config import settings_of
from zoo.errors import CompositionError, ConfigError, UnknownName, near
from zoo.plugins import Plugin, RegisteredComponent
from zoo.testing.conformance.bottlenecks import BOTTLENECK_CHECKS, BottleneckCase
from zoo.testing.conformance.cases import ComponentCase, DiscriminatorCase, EncoderCase, GeneratorCase, NetworkCase
from zoo.testing.conformance.datasets import DATASET_CHECKS, DatasetCase
from zoo.testing.conformance.metrics import METRIC_CHECKS, MetricCase
from zoo.testing.conformance.modules import Check
from zoo.testing.conformance.networks import DISCRIMINATOR_CHECKS, ENCODER_CHECKS, GENERATOR_CHECKS
from zoo.testing.conformance.objectives import OBJECTIVE_CHECKS, ObjectiveCase
from zoo.testing.conformance.priors import PRIOR_CHECKS, PriorCase
from zoo.testing.conformance.regularisers import REGULARISER_CHECKS, RegulariserCase
from zoo.testing.conformance.transfers import TRANSFER_CHECKS, TransferCase
from zoo.types import DataSpec

__all__ = ["CheckResult", "Verdict", "check_plugin"]

_SAMPLES = tuple(DataSpec(shape) for shape in ((1, 8, 8), (3, 16, 16), (1, 32, 32), (3, 64, 64), (7,)))
_FAMILY_SAMPLES = (DataSpec((3, 64, 64)),)

_NETWORKS: dict[str, tuple[Callable[..., NetworkCase], Sequence[Check]]] = {
    "encoder": (EncoderCase, ENCODER_CHECKS),
    "generator": (GeneratorCase, GENERATOR_CHECKS),
    "discriminator": (DiscriminatorCase, DISCRIMINATOR_CHECKS),
}
_OTHERS: dict[str, tuple[Callable[[str], ComponentCase], Sequence[Check]]] = {
    "bottleneck": (BottleneckCase, BOTTLENECK_CHECKS),
    "prior": (PriorCase, PRIOR_CHECKS),
    "transfer": (TransferCase, TRANSFER_CHECKS),
    "objective": (ObjectiveCase, OBJECTIVE_CHECKS),
    "regulariser": (RegulariserCase, REGULARISER_CHECKS),
    "dataset": (DatasetCase, DATASET_CHECKS),
    "metric": (MetricCase, METRIC_CHECKS),
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one component on one case; `error` is empty if it passed."""

    component: str
    case: str
    check: str
    error: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results for a plugin. `notes` say what was not checked and why; `tracks`: it has a hook for runs' events."""

    plugin: Plugin
    results: tuple[CheckResult, ...]
    notes: tuple[str, ...]
    tracks: bool = False

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that did not pass."""
        return tuple(result for result in self.results if result.error)

    @property
    def passed(self) -> bool:
        """Whether it is ready and every check passed; at least one must have run, unless it is a tracker, for which
        there are no checks."""
        return self.plugin.ready and (bool(self.results) or self.tracks) and not self.failures


def check_plugin(name: str, member: str = "") -> Verdict:
    """Check the plugin called `name`; of its components only `member`, if given (required for one of a family).

    Raises UnknownName if no such plugin is installed, or it has no such component.
    """
    installed = plugins.plugins()
    plugin = next((plugin for plugin in installed if plugin.name == name), None)
    if plugin is None:
        raise UnknownName(f"no plugin {name!r} is installed", near(name, [plugin.name for plugin in installed]))
    if not plugin.ready:
        return Verdict(plugin, (), ())
    components = [registered for registered in plugins.load().components if registered.plugin.name == name]
    if member:
        components = _find_member(name, member)
    notes: list[str] = []
    results: list[CheckResult] = []
    for registered in components:
        if registered.component.names and registered.component.name == "*":
            notes.append(f"{registered.id} is a family: check one of it with zoo plugins check {name} --component NAME")
            continue
        cases = _cases(registered, notes)
        results += [_run(registered, case, check) for case, all_checks in cases for check in all_checks]
    tracks = name in plugins.load().events
    if tracks:
        notes.append(f"{name} follows runs: try it with zoo train ... --track {name}")
    return Verdict(plugin, tuple(results), tuple(notes), tracks)


def _find_member(plugin: str, member: str) -> list[RegisteredComponent]:
    short = member.removeprefix(f"{plugin}/")
    matching = [
        registered for registered in plugins.components(None, f"{plugin}/{short}") if registered.component.name == short
    ]
    if not matching:
        raise UnknownName(f"plugin {plugin!r} offers no component {short!r}", f"See: zoo components | grep {plugin}")
    return matching


def _run(registered: RegisteredComponent, case: object, check: Check) -> CheckResult:
    name = check.__name__.replace("_", " ")
    try:
        check(case)
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        text = " ".join(str(error).split())[:400]
        cause = text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
        full = "".join(traceback.format_exception(error))
        return CheckResult(f"{registered.component.kind} {registered.id}", str(case), name, cause, full)
    return CheckResult(f"{registered.component.kind} {registered.id}", str(case), name)


def _cases(registered: RegisteredComponent, notes: list[str]) -> Iterator[tuple[ComponentCase, Sequence[Check]]]:
    """The component with default settings: a network at every sample size that it accepts, any other once."""
    kind, id = registered.component.kind, registered.id
    if required := _required_settings(registered):
        notes.append(f"{kind} {id} has no default for {', '.join(required)}: give its contract in zoo.testing a case")
        return
    if kind not in _NETWORKS:
        make, all_checks = _OTHERS[kind]
        yield make(id), all_checks
        return
    refused = []
    for data in _FAMILY_SAMPLES if registered.component.names else _SAMPLES:
        network, all_checks = _NETWORKS[kind]
        case = network(id, {}, data)
        try:
            case.build(device="meta")
        except (CompositionError, ConfigError) as error:
            refused.append("x".join(map(str, data.shape)))
            reason = error.message
            continue
        except Exception:  # the checks will report it
            pass
        yield case, all_checks
    if refused:
        notes.append(f"{kind} {id} refuses {', '.join(refused)}: {reason}")


def _required_settings(registered: RegisteredComponent) -> list[str]:
    """The settings without a default, except the name of a family's member."""
    try:
        settings = settings_of(plugins.config_class(registered))
    except (Exception, SystemExit):  # the plugin's code may raise anything: the checks will report it
        return []
    preset = {"name"} if registered.component.names else set()
    return [setting.name for setting in settings if setting.default == "required" and setting.name not in preset]
