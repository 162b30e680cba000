"""Hold a component to its contract: attributes, signatures, then the shapes that it gives on the meta device.

A component that breaks its own contract is its plugin's fault (PluginError); parts that are each right but do
not fit each other are a CompositionError. With `shapes=False` nothing is run: attributes and signatures alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from zoo.errors import PluginError, ZooError
from zoo.networks.utils import evaluating
from zoo.types import DataSpec

__all__ = [
    "check_bottleneck",
    "check_discriminator",
    "check_encoder",
    "check_generator",
    "check_prior",
]

Result = TypeVar("Result")

_BATCH = 2


def check_encoder(module: nn.Module, data: DataSpec, what: str, *, shapes: bool = True) -> None:
    """`features(x)` gives the declared embedding and stages, in one pass."""
    _require(module, what, data=DataSpec, stage_channels=tuple, embedding_dim=int)
    _require_method(module, "features", 1, what)
    if not shapes:
        return
    embedding, stages = _run(lambda: module.features(_samples(module, data)), module, what)  # type: ignore[operator]
    _same(what, "embedding", tuple(embedding.shape), (_BATCH, module.embedding_dim))
    _same(what, "number of stages", len(stages), len(module.stage_channels))  # type: ignore[arg-type]
    for i, (stage, channels) in enumerate(zip(stages, module.stage_channels, strict=True)):  # type: ignore[arg-type]
        _same(what, f"stage {i}'s batch and channels", tuple(stage.shape[:2]), (_BATCH, channels))


def check_generator(module: nn.Module, data: DataSpec, latent_dim: int, what: str, *, shapes: bool = True) -> None:
    """`forward(z)` gives one sample of the declared shape per code."""
    _require(module, what, data=DataSpec, latent_dim=int)
    if not hasattr(module, "first") or not isinstance(module.first, nn.Linear | None):
        raise PluginError(f"{what} has no `first`", "It is the nn.Linear that z enters, or None.")
    _same(what, "latent_dim", module.latent_dim, latent_dim)
    if not shapes:
        return
    z = torch.empty(_BATCH, latent_dim, device=_device(module))
    sample = _run(lambda: module(z), module, what)
    _same(what, "sample", tuple(sample.shape), (_BATCH, *data.shape))


def check_discriminator(module: nn.Module, data: DataSpec, what: str, *, shapes: bool = True) -> None:
    """`judge(x)` gives as many logits as its groups say."""
    _require(module, what, data=DataSpec, logit_groups=tuple)
    _require_method(module, "discriminate", 1, what)
    if not shapes:
        return
    output = _run(lambda: module.discriminate(_samples(module, data)), module, what)  # type: ignore[operator]
    _same(what, "logits", tuple(output.logits.shape), (_BATCH, sum(module.logit_groups)))  # type: ignore[arg-type]


def check_bottleneck(module: nn.Module, embedding_dim: int, latent_dim: int, what: str, *, shapes: bool = True) -> None:
    """`forward(embedding)` gives a posterior over codes of the declared size."""
    _require(module, what, latent_dim=int)
    if not shapes:
        return
    embedding = torch.empty(_BATCH, embedding_dim, device=_device(module))
    mean, logvar = _run(lambda: module(embedding), module, what)
    _same(what, "mean", tuple(mean.shape), (_BATCH, latent_dim))
    if logvar is not None:
        _same(what, "logvar", tuple(logvar.shape), (_BATCH, latent_dim))


def check_prior(module: nn.Module, latent_dim: int, what: str, *, shapes: bool = True) -> None:
    """`sample(n, rng)` gives n codes of the declared size (drawn only where its buffers have values)."""
    _require(module, what, latent_dim=int)
    _require_method(module, "sample", 2, what)
    _same(what, "latent_dim", module.latent_dim, latent_dim)
    if shapes and _device(module).type != "meta":
        codes = _run(lambda: module.sample(_BATCH, torch.Generator()), module, what)  # type: ignore[operator]
        _same(what, "codes", tuple(codes.shape), (_BATCH, latent_dim))


def _device(module: nn.Module) -> torch.device:
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def _samples(module: nn.Module, data: DataSpec) -> Tensor:
    return torch.empty(_BATCH, *data.shape, device=_device(module))


def _run(call: Callable[[], Result], module: nn.Module, what: str) -> Result:
    try:
        with torch.no_grad(), evaluating(module):
            return call()
    except ZooError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise PluginError(f"{what} failed on a batch of {_BATCH}: {type(error).__name__}: {first}") from error


def _require(module: nn.Module, what: str, **attributes: type) -> None:
    for name, kind in attributes.items():
        value = getattr(module, name, None)
        if not isinstance(value, kind):
            raise PluginError(
                f"{what} breaks its contract: `{name}` is {value!r}, expected {kind.__name__}",
                "zoo.plugin has the contract.",
            )


def _require_method(module: nn.Module, name: str, arguments: int, what: str) -> None:
    method = getattr(module, name, None)
    if not callable(method):
        raise PluginError(f"{what} breaks its contract: it has no method `{name}`")
    try:
        inspect.signature(method).bind(*range(arguments))
    except TypeError as error:
        times = f"{arguments} argument{'s' * (arguments > 1)}"
        raise PluginError(f"{what} breaks its contract: `{name}` cannot be called with {times}: {error}") from None


def _same(what: str, axis: str, got: object, declared: object) -> None:
    if got != declared:
        raise PluginError(f"{what} breaks its contract: {axis} is {got}, declared {declared}")
