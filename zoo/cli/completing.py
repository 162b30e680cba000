"""Shell completion of names of releases and components, without torch.

Completion must not disturb the line that is being typed: a registry or plugin that fails gives no completions and no
output here; the command reports it when it runs.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from zoo.errors import ZooError

if TYPE_CHECKING:
    from zoo.plugins import RegisteredComponent

__all__ = [
    "any_component",
    "complete_component",
    "complete_data",
    "complete_model",
    "complete_release",
    "complete_strategy",
    "kinds",
    "plugins",
]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]

_MOST_NAMES = 200
"""The most completions of a component: timm's family has more names than a shell should print."""


def complete_release(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of releases in the registries."""
    return _silently(lambda: _releases(incomplete))


def complete_model(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of releases in the registries, or else folders of releases or runs."""
    return [CompletionItem(incomplete, type="dir"), *complete_release(ctx, param, incomplete)]


def complete_data(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Data sets, or else files and folders."""
    return [CompletionItem(incomplete, type="file"), *complete_component("dataset")(ctx, param, incomplete)]


def complete_component(kind: str) -> Completer:
    """Short names of components of one kind, and full ids after a slash."""
    return lambda ctx, param, incomplete: _silently(lambda: _components(kind, incomplete))


def any_component(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The argument of `zoo info`: components with --component, or else releases."""
    if ctx.params.get("component"):
        return _silently(lambda: _components(None, incomplete))
    return complete_model(ctx, param, incomplete)


def complete_strategy(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Strategies, also after a `+`; none twice."""
    before, plus, last = incomplete.rpartition("+")
    used = set(before.split("+"))
    items = _silently(lambda: [*_matching(["auto"], "" if plus else last), *_components("transfer", last)])
    return [
        CompletionItem(f"{before}{plus}{item.value}", help=item.help)
        for item in items
        if item.value not in used and not (plus and item.value == "auto")
    ]


def kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The kinds of components."""
    from zoo.types import KINDS

    return _matching(KINDS, incomplete)


def plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of plugins, including those that failed."""
    from zoo.plugins import load

    return _silently(lambda: _matching((plugin.name for plugin in load().plugins), incomplete))


def _releases(incomplete: str) -> list[CompletionItem[str]]:
    """Names; after an `@`, the versions of that name."""
    from zoo.registry.index import models as listed

    versions = "@" in incomplete
    return [
        CompletionItem(entry.key if versions else entry.name, help=f"{entry.version} {' and '.join(entry.parts)}")
        for entry in listed("*@*" if versions else "*")  # fish cuts a help text at a comma
        if entry.key.startswith(incomplete)
    ]


def _components(kind: str | None, incomplete: str) -> list[CompletionItem[str]]:
    from zoo.plugins import components as offered

    pattern = f"{incomplete}*" if incomplete else "*"
    summaries = {_name(registered, incomplete): registered.component.summary for registered in offered(kind, pattern)}
    return [CompletionItem(name, help=text) for name, text in list(summaries.items())[:_MOST_NAMES] if "*" not in name]


def _name(registered: RegisteredComponent, incomplete: str) -> str:
    return registered.id if "/" in incomplete else registered.component.name


def _matching(known: Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _silently(find: Callable[[], list[CompletionItem[str]]]) -> list[CompletionItem[str]]:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return find()
        except ZooError:
            return []
