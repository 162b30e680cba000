"""What a shell offers when Tab is pressed: names of releases and components, read without torch.

Completion must never disturb the line that is being typed: what is broken (a registry, a plugin) offers nothing here,
prints nothing, and is told by the command itself when it runs.
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

__all__ = ["any_component", "components", "data", "kinds", "models", "plugins", "releases", "strategies"]

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[str]]]

_MOST = 200
"""A family such as timm's has more names than a shell should print."""


def releases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of the registries."""
    return _quietly(lambda: _releases(incomplete))


def models(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of the registries, else folders: releases or runs."""
    return [CompletionItem(incomplete, type="dir"), *releases(ctx, param, incomplete)]


def data(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Data sets, else files and folders."""
    return [CompletionItem(incomplete, type="file"), *components("dataset")(ctx, param, incomplete)]


def components(kind: str) -> Completer:
    """Short names of one kind, and full ids once a slash is typed."""
    return lambda ctx, param, incomplete: _quietly(lambda: _components(kind, incomplete))


def any_component(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """What `zoo info` takes: components where --component is given, else releases."""
    if ctx.params.get("component"):
        return _quietly(lambda: _components(None, incomplete))
    return models(ctx, param, incomplete)


def strategies(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Strategies, also after a `+`; none twice."""
    written, plus, last = incomplete.rpartition("+")
    taken = set(written.split("+"))
    found = _quietly(lambda: [*_words(["auto"], "" if plus else last), *_components("transfer", last)])
    return [
        CompletionItem(f"{written}{plus}{item.value}", help=item.help)
        for item in found
        if item.value not in taken and not (plus and item.value == "auto")
    ]


def kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """The kinds of components."""
    from zoo.types import KINDS

    return _words(KINDS, incomplete)


def plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Names of plugins, broken ones too."""
    from zoo.plugins import load

    return _quietly(lambda: _words((plugin.name for plugin in load().plugins), incomplete))


def _releases(incomplete: str) -> list[CompletionItem[str]]:
    from zoo.registry.index import models as listed

    return [
        CompletionItem(entry.name, help=f"{entry.version} {' and '.join(entry.parts)}")  # fish cuts at a comma
        for entry in listed()
        if entry.name.startswith(incomplete)
    ]


def _components(kind: str | None, incomplete: str) -> list[CompletionItem[str]]:
    from zoo.plugins import components as offered

    pattern = f"{incomplete}*" if incomplete else "*"
    found = {_name(registered, incomplete): registered.component.summary for registered in offered(kind, pattern)}
    return [CompletionItem(name, help=text) for name, text in list(found.items())[:_MOST] if "*" not in name]


def _name(registered: RegisteredComponent, incomplete: str) -> str:
    return registered.id if "/" in incomplete else registered.component.name


def _words(known: Iterable[str], incomplete: str) -> list[CompletionItem[str]]:
    return [CompletionItem(word) for word in known if word.startswith(incomplete)]


def _quietly(find: Callable[[], list[CompletionItem[str]]]) -> list[CompletionItem[str]]:
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            return find()
        except ZooError:
            return []
