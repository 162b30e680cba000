"""Weights that a component brings from elsewhere: fetched when it is built anew, never when saved values follow.

A component with pretrained weights has a method `fetch()`, which loads them and returns where they come from. Whatever
builds components fetches, unless it is inside `values_follow()`: loading a release, resuming a run, planning a
transfer.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import nn

from zoo.errors import PluginError
from zoo.types import WeightsOrigin

__all__ = ["awaits_values", "fetch_weights", "origins_of", "remember_origins", "values_follow"]

_FOLLOW: ContextVar[bool] = ContextVar("values_follow", default=False)
_ORIGINS, _AWAITS = "_zoo_weights_origins", "_zoo_awaits_values"


@contextmanager
def values_follow() -> Iterator[None]:
    """Build components without their pretrained weights while the block runs, as saved values replace them."""
    token = _FOLLOW.set(True)
    try:
        yield
    finally:
        _FOLLOW.reset(token)


def fetch_weights(component: nn.Module, what: str) -> None:
    """Let a component that was just built fetch its pretrained weights, if it has any.

    Only the component itself is asked, not its submodules. Raises PluginError if its `fetch` is not a method without
    arguments, or returns something else than a WeightsOrigin or None.
    """
    fetch = getattr(component, "fetch", None)
    if fetch is None:
        return
    try:
        inspect.signature(fetch).bind()
    except TypeError:
        raise PluginError(
            f"{what} has a `fetch` that cannot be called without arguments",
            "The name `fetch` is reserved for the method that loads pretrained weights; call yours otherwise.",
        ) from None
    if _FOLLOW.get():
        setattr(component, _AWAITS, True)
        return
    origin = fetch()
    if not isinstance(origin, WeightsOrigin | None):
        raise PluginError(
            f"{what}: `fetch` returned a {type(origin).__name__}",
            "It returns the WeightsOrigin of the weights that it loaded, or None if it has none to load.",
        )
    if origin is not None:
        remember_origins(component, (origin,))


def awaits_values(module: nn.Module) -> bool:
    """Whether this component was built without the pretrained weights that its settings name."""
    return bool(getattr(module, _AWAITS, False))


def remember_origins(module: nn.Module, origins: tuple[WeightsOrigin, ...]) -> None:
    """Note where the weights of a module come from, for `origins_of`."""
    setattr(module, _ORIGINS, origins)


def origins_of(*modules: nn.Module) -> tuple[WeightsOrigin, ...]:
    """Where the pretrained weights come from that these modules, and those inside them, began with."""
    inner = (part for module in modules for part in module.modules())
    return tuple(dict.fromkeys(origin for part in inner for origin in getattr(part, _ORIGINS, ())))
