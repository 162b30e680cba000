"""Put a whole plugin to the test: its stages first, then the kit's checks on every component, without pytest."""

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

__all__ = ["Finding", "Verdict", "check_plugin"]

SAMPLES = tuple(DataSpec(shape) for shape in ((1, 8, 8), (3, 16, 16), (1, 32, 32), (3, 64, 64), (7,)))
MEMBER = (DataSpec((3, 64, 64)),)

NETWORKS: dict[str, tuple[Callable[..., NetworkCase], Sequence[Check]]] = {
    "encoder": (EncoderCase, ENCODER_CHECKS),
    "generator": (GeneratorCase, GENERATOR_CHECKS),
    "discriminator": (DiscriminatorCase, DISCRIMINATOR_CHECKS),
}
OTHERS: dict[str, tuple[Callable[[str], ComponentCase], Sequence[Check]]] = {
    "bottleneck": (BottleneckCase, BOTTLENECK_CHECKS),
    "prior": (PriorCase, PRIOR_CHECKS),
    "transfer": (TransferCase, TRANSFER_CHECKS),
    "objective": (ObjectiveCase, OBJECTIVE_CHECKS),
    "regulariser": (RegulariserCase, REGULARISER_CHECKS),
    "dataset": (DatasetCase, DATASET_CHECKS),
    "metric": (MetricCase, METRIC_CHECKS),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one component on one case; `error` is empty when it passed."""

    component: str
    case: str
    check: str
    error: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a plugin. `notes` say what was not checked and why; `tracks`: it follows runs."""

    plugin: Plugin
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    tracks: bool = False

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The checks that did not pass."""
        return tuple(finding for finding in self.findings if finding.error)

    @property
    def passed(self) -> bool:
        """Ready, at least one check ran (or there is nothing but a tracker, which no check fits), and all that ran
        passed."""
        return self.plugin.ready and (bool(self.findings) or self.tracks) and not self.failures


def check_plugin(name: str, member: str = "") -> Verdict:
    """Check the plugin called `name`; of its components only `member`, if given (needed for one of a family).

    Raises UnknownName when no such plugin, or no such component of it, is installed.
    """
    every = plugins.plugins()
    plugin = next((plugin for plugin in every if plugin.name == name), None)
    if plugin is None:
        raise UnknownName(f"no plugin {name!r} is installed", near(name, [plugin.name for plugin in every]))
    if not plugin.ready:
        return Verdict(plugin, (), ())
    offers = [registered for registered in plugins.load().components if registered.plugin.name == name]
    if member:
        offers = _named(name, member)
    notes: list[str] = []
    findings: list[Finding] = []
    for registered in offers:
        if registered.component.names and registered.component.name == "*":
            notes.append(f"{registered.id} is a family: check one of it with zoo plugins check {name} --component NAME")
            continue
        cases = _cases(registered, notes)
        findings += [_run(registered, case, check) for case, all_checks in cases for check in all_checks]
    tracks = name in plugins.load().events
    if tracks:
        notes.append(f"{name} follows runs: try it with zoo train ... --track {name}")
    return Verdict(plugin, tuple(findings), tuple(notes), tracks)


def _named(plugin: str, member: str) -> list[RegisteredComponent]:
    short = member.removeprefix(f"{plugin}/")
    found = [
        registered for registered in plugins.components(None, f"{plugin}/{short}") if registered.component.name == short
    ]
    if not found:
        raise UnknownName(f"plugin {plugin!r} offers no component {short!r}", f"See: zoo components | grep {plugin}")
    return found


def _run(registered: RegisteredComponent, case: object, check: Check) -> Finding:
    name = check.__name__.replace("_", " ")
    try:
        check(case)
    except (Exception, SystemExit) as error:  # a stranger's code
        text = " ".join(str(error).split())[:400]
        what = text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
        whole = "".join(traceback.format_exception(error))
        return Finding(f"{registered.component.kind} {registered.id}", str(case), name, what, whole)
    return Finding(f"{registered.component.kind} {registered.id}", str(case), name)


def _cases(registered: RegisteredComponent, notes: list[str]) -> Iterator[tuple[ComponentCase, Sequence[Check]]]:
    """With default settings: networks at every sample size that they do not refuse, the others once."""
    kind, id = registered.component.kind, registered.id
    if needed := _needed(registered):
        notes.append(f"{kind} {id} has no default for {', '.join(needed)}: give its contract in zoo.testing a case")
        return
    if kind not in NETWORKS:
        make, all_checks = OTHERS[kind]
        yield make(id), all_checks
        return
    refused = []
    for data in MEMBER if registered.component.names else SAMPLES:
        network, all_checks = NETWORKS[kind]
        case = network(id, {}, data)
        try:
            case.build(device="meta")
        except (CompositionError, ConfigError) as error:
            refused.append("x".join(map(str, data.shape)))
            reason = error.message
            continue
        except Exception:  # the checks will say it
            pass
        yield case, all_checks
    if refused:
        notes.append(f"{kind} {id} refuses {', '.join(refused)}: {reason}")


def _needed(registered: RegisteredComponent) -> list[str]:
    """The settings without which it cannot be tried; a family's member has its name."""
    try:
        settings = settings_of(plugins.config_class(registered))
    except (Exception, SystemExit):  # a stranger's code: the checks will say it
        return []
    given = {"name"} if registered.component.names else set()
    return [setting.name for setting in settings if setting.default == "required" and setting.name not in given]
