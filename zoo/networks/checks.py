"""Check a component against its contract: attributes, signatures, and the shapes of its outputs on the meta device.

A component that violates its own contract raises PluginError; components that are valid but do not fit together raise
CompositionError. `shapes=False` checks attributes and signatures only, without running the component.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from zoo.errors import CompositionError, PluginError, ZooError
from zoo.networks.conditioning import condition_arguments, takes_condition
from zoo.networks.types import Discriminator, Encoder, Prior
from zoo.networks.utils import evaluating
from zoo.types import Condition, DataSpec

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
    """`features(x)` returns the declared embedding and stages. Raises PluginError."""
    _require(module, what, data=DataSpec, stage_channels=tuple, embedding_shape=tuple)
    _require_method(module, "features", 1, what)
    if not shapes:
        return
    encoder = cast(Encoder, module)
    embedding, stages = _run(lambda: encoder.features(_samples(module, data)), module, what)
    _check_equal(what, "embedding", tuple(embedding.shape), (_BATCH, *encoder.embedding_shape))
    _check_equal(what, "number of stages", len(stages), len(encoder.stage_channels))
    for i, (stage, channels) in enumerate(zip(stages, encoder.stage_channels, strict=True)):
        _check_equal(what, f"stage {i}'s batch and channels", tuple(stage.shape[:2]), (_BATCH, channels))


def check_generator(
    module: nn.Module, data: DataSpec, code_shape: tuple[int, ...], what: str, *, shapes: bool = True
) -> None:
    """`forward(z)` returns one sample of the declared shape per code. Raises PluginError."""
    _require(module, what, data=DataSpec, code_shape=tuple)
    if not hasattr(module, "first") or not isinstance(module.first, nn.Linear | None):
        raise PluginError(f"{what} has no `first`", "It is the nn.Linear that reads z, or None.")
    _check_equal(what, "code_shape", module.code_shape, code_shape)
    if not shapes:
        return
    z = torch.empty(_BATCH, *code_shape, device=_device(module))
    conditions = condition_arguments(module, _condition(module, data.condition, what, _device(module)))
    sample = _run(lambda: module(z, *conditions), module, what)
    _check_equal(what, "sample", tuple(sample.shape), (_BATCH, *data.shape))


def check_discriminator(module: nn.Module, data: DataSpec, what: str, *, shapes: bool = True) -> None:
    """`discriminate(x)` returns as many logits as `logit_groups` declares. Raises PluginError."""
    _require(module, what, data=DataSpec, logit_groups=tuple)
    _require_method(module, "discriminate", 1 + takes_condition(module), what)
    if not shapes:
        return
    discriminator = cast(Discriminator, module)
    conditions = condition_arguments(module, _condition(module, data.condition, what, _device(module)))
    output = _run(lambda: discriminator.discriminate(_samples(module, data), *conditions), module, what)
    _check_equal(what, "logits", tuple(output.logits.shape), (_BATCH, sum(discriminator.logit_groups)))


def check_bottleneck(
    module: nn.Module, embedding_shape: tuple[int, ...], code_shape: tuple[int, ...], what: str, *, shapes: bool = True
) -> None:
    """`forward(embedding)` returns a posterior over codes of the declared shape. Raises PluginError."""
    _require(module, what, code_shape=tuple)
    if not shapes:
        return
    embedding = torch.empty(_BATCH, *embedding_shape, device=_device(module))
    mean, logvar = _run(lambda: module(embedding), module, what)
    _check_equal(what, "mean", tuple(mean.shape), (_BATCH, *code_shape))
    if logvar is not None:
        _check_equal(what, "logvar", tuple(logvar.shape), (_BATCH, *code_shape))


def check_prior(
    module: nn.Module,
    code_shape: tuple[int, ...],
    what: str,
    *,
    condition: Condition | None = None,
    shapes: bool = True,
) -> None:
    """`sample(n, rng)` returns n codes of the declared shape (not sampled on meta), of the last class if it takes one.
    Raises PluginError."""
    _require(module, what, code_shape=tuple)
    _require_method(module, "sample", 2 + takes_condition(module), what)
    _check_equal(what, "code_shape", module.code_shape, code_shape)
    if not shapes:
        return
    conditions = condition_arguments(module, _condition(module, condition, what, torch.device("cpu")))
    if _device(module).type != "meta":
        codes = _run(lambda: cast(Prior, module).sample(_BATCH, torch.Generator(), *conditions), module, what)
        _check_equal(what, "codes", tuple(codes.shape), (_BATCH, *code_shape))


def _device(module: nn.Module) -> torch.device:
    for tensor in (*module.parameters(), *module.buffers()):
        return tensor.device
    return torch.device("cpu")


def _samples(module: nn.Module, data: DataSpec) -> Tensor:
    return torch.empty(_BATCH, *data.shape, device=_device(module))


def _condition(module: nn.Module, condition: Condition | None, what: str, device: torch.device) -> Tensor | None:
    """A condition of each sample, of the last class or of zeros. Raises CompositionError if it takes one and the data
    has no labels."""
    if not takes_condition(module):
        return None
    if condition is None:
        raise CompositionError(
            f"{what} takes a class or attributes of each sample, and the data has no labels",
            "Give labelled images, or a component without a condition.",
        )
    if condition.classes:
        return torch.full((_BATCH,), condition.width - 1, device=device)
    return torch.zeros(_BATCH, condition.width, device=device)


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


def _check_equal(what: str, axis: str, actual: object, declared: object) -> None:
    if actual != declared:
        raise PluginError(f"{what} breaks its contract: {axis} is {actual}, declared {declared}")
