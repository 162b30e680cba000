"""Check a whole plugin without pytest: whether it loads, then every check of every component."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from zoo import plugins
from zoo.errors import ConfigError, TransferError, UnknownName, near
from zoo.plugins import Plugin, RegisteredComponent
from zoo.testing.conformance.cases import ComponentCase
from zoo.testing.conformance.components import Check
from zoo.testing.conformance.kinds import CONFORMANCE, make_case
from zoo.types import Case

__all__ = ["CheckResult", "Refusal", "Verdict", "check_plugin"]

_HOW_TO_GIVE_CASES = (
    "give its record cases='package.module:function', a function that returns zoo.plugin.Case objects "
    "(docs/write-a-plugin.md, 'Giving your own cases')"
)
_FAMILY_SHAPE = (3, 64, 64)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of one component on one case; `error` is empty if it passed."""

    component: str
    case: str
    check: str
    error: str = ""
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A default case that a component refuses with a ConfigError, a strategy also with a TransferError: it is not
    checked on it."""

    component: str
    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The results for a plugin, and the default cases that its components refused. `tracks`: it has a hook for runs'
    events."""

    plugin: Plugin
    results: tuple[CheckResult, ...]
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
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


def check_plugin(name: str, member: str = "", progress: Callable[[str], None] = lambda line: None) -> Verdict:
    """Check the plugin called `name`; of its components only `member`, if given (for one of a family, for example).

    A component is checked on its own cases, or on the default ones that it does not refuse. That none is left is a
    failure. `progress` gets a line before each case. Raises UnknownName if no such plugin is installed, or it has no
    such component.
    """
    installed = plugins.plugins()
    plugin = next((plugin for plugin in installed if plugin.name == name), None)
    if plugin is None:
        raise UnknownName(f"no plugin {name!r} is installed", near(name, [plugin.name for plugin in installed]))
    if not plugin.ready:
        return Verdict(plugin, ())
    components = [registered for registered in plugins.load().components if registered.plugin.name == name]
    if member:
        components = _find_member(name, member)
    results: list[CheckResult] = []
    refusals: list[Refusal] = []
    for registered in components:
        results += _check_component(registered, refusals, progress)
    tracks = name in plugins.load().events
    notes = (f"{name} follows runs: try it with zoo train ... --track {name}",) if tracks else ()
    return Verdict(plugin, tuple(results), tuple(refusals), notes, tracks)


def _find_member(plugin: str, member: str) -> list[RegisteredComponent]:
    short = member.removeprefix(f"{plugin}/")
    matching = [
        registered for registered in plugins.components(None, f"{plugin}/{short}") if registered.component.name == short
    ]
    if not matching:
        raise UnknownName(f"plugin {plugin!r} offers no component {short!r}", f"See: zoo components | grep {plugin}")
    return matching


def _check_component(
    registered: RegisteredComponent, refusals: list[Refusal], progress: Callable[[str], None]
) -> Iterator[CheckResult]:
    label = _label(registered)
    try:
        cases = list(_own_cases(registered)) or list(_accepted(registered, refusals))
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        yield CheckResult(label, "", "its cases can be read", _cause(error), _format(error))
        return
    for i, case in enumerate(cases, 1):
        progress(f"{label}  case {i} of {len(cases)}: {case}")
        for check in CONFORMANCE[registered.component.kind].checks:
            yield _run(label, case, check)
    if not cases:
        reasons = dict.fromkeys(refusal.reason for refusal in refusals if refusal.component == label)
        why = f"it refuses every default case ({'; '.join(reasons)})" if reasons else "it is a family"
        one = f", or check one: zoo plugins check {registered.plugin.name} --component NAME" if not reasons else ""
        yield CheckResult(label, "", "at least one check runs", f"{why}; {_HOW_TO_GIVE_CASES}{one}")


def _own_cases(registered: RegisteredComponent) -> Iterator[ComponentCase]:
    """The cases that the component's record names; those of a member of a family are the ones with its name."""
    component = registered.component
    if not component.cases:
        return
    for case in plugins.import_component(registered, component.cases)():
        if not isinstance(case, Case):
            raise ConfigError(f"{component.cases} gives a {type(case).__name__}, not a zoo.plugin.Case")
        name = case.config.get("name", component.name) if component.names else component.name
        if component.name in ("*", name):
            yield make_case(component.kind, f"{registered.plugin.name}/{name}", case)


def _accepted(registered: RegisteredComponent, refusals: list[Refusal]) -> Iterator[ComponentCase]:
    """The default cases of the kind that the component does not refuse."""
    component = registered.component
    if component.name == "*":
        return
    for default in CONFORMANCE[component.kind].defaults:
        if component.names and default.data is not None and default.data.shape != _FAMILY_SHAPE:
            continue  # a family's members are many and large
        case = make_case(component.kind, registered.id, default)
        try:
            case.attempt()
        except (ConfigError, TransferError) as error:
            refusals.append(Refusal(_label(registered), str(case), error.message))
            continue
        except Exception:  # the checks will report it
            pass
        yield case


def _run(label: str, case: ComponentCase, check: Check) -> CheckResult:
    name = check.__name__.replace("_", " ")
    try:
        check(case)
    except (Exception, SystemExit) as error:  # the plugin's code may raise anything
        return CheckResult(label, str(case), name, _cause(error), _format(error))
    return CheckResult(label, str(case), name)


def _label(registered: RegisteredComponent) -> str:
    return f"{registered.component.kind} {registered.id}"


def _cause(error: BaseException) -> str:
    """The error in one line, never empty: its type and, if it says nothing, the line of code that raised it."""
    text = " ".join(str(error).split())[:400]
    if isinstance(error, AssertionError) and text:
        return text
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {text or f'{frame.line} ({frame.filename}:{frame.lineno})'}"


def _format(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
