"""Carry the tensors of one net into another: as they are where both fit, through a named bridge where not.

A bridge gives edits, so that every adapted tensor is listed in the report with the bridge's name. What no
bridge can carry is refused while planning, with the axis, both values and what would fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.transfers.layer_mapping import Layer, TensorMapping, adapt, layers_of
from zoo.transfers.norm_folding import (
    TensorSource,
    TensorTarget,
    tensor_sources,
    tensor_targets,
    without_norms,
    without_parametrizations,
)
from zoo.transfers.plan import ApplyContext, Edit

__all__ = ["fold_affine", "map_weights", "name_of", "require_same_data"]


def map_weights(source: nn.Module, source_role: str, target: nn.Module, net: str, prefix: str = "") -> list[Edit]:
    """Edits that fill `target` from `source`, a part of the autoencoder called `source_role`.

    `net` and `prefix` say where the target sits: its tensor `w` is `prefix + w` in the state dict of `net`. Exact where
    names and shapes agree. Else layers are aligned from the image's end and each is carried by the bridges of
    `zoo.transfers.layer_mapping` (channels, value range, net2wider); layers that one of the two nets lacks are dropped
    or stay fresh. Between encoders, spectral norms and batch norms that only one of the two has are folded
    (`zoo.transfers.norm_folding`). Raises TransferError where that gives less than half of the target's tensors.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in source.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in target.state_dict().items()}
    ranges = _range(source), _range(target)
    if ours == theirs and ranges[0] == ranges[1]:
        return [
            Edit(net, prefix + name, "copied", f"{source_role}.{name}", _copy(source_role, name)) for name in theirs
        ]
    encoders = not hasattr(target, "latent_dim")
    folded = without_norms(source) if encoders and _has_norms(source) and not _has_norms(target) else {}
    old, new = (
        (without_parametrizations(source, folded), without_parametrizations(target, {}))
        if encoders
        else (source, target)
    )
    read = tensor_sources(source, folded) if encoders else {}
    recipes = _best(old, new)
    if 2 * len(recipes) < len(new.state_dict()):
        raise TransferError(_misfit(ours, theirs, source_role, net, prefix), _HINT)
    edits = []
    for name, recipe in recipes.items():
        found = tensor_targets(target, name) if encoders else [TensorTarget(name, (), lambda value: value)]
        if found is None:
            raise TransferError(
                f"{net}.{prefix}{name} has a spectral norm, which would rescale what it is given",
                "encoder-init keeps the scale; or compose the GAN like the autoencoder: zoo.gan(like=autoencoder).",
            )
        reading = read.get(recipe.source)
        for place in found:
            bridges = [*(reading.bridges if reading else ()), *recipe.bridges, *place.bridges]
            origin = f"{source_role}.{recipe.source}"
            how = f"{', '.join(bridges)}: {origin}" if bridges else origin
            value = _made(source_role, recipe, read, place)
            edits.append(Edit(net, prefix + place.tensor, "adapted" if bridges else "copied", how, value))
    return edits


def require_same_data(source: Autoencoder, gan: GAN, whose: str) -> None:
    """Raises TransferError unless both take the same samples, as the autoencoder's own nets inside a GAN need."""
    ours, theirs = source.data, gan.data
    if (ours.shape, ours.low, ours.high) != (theirs.shape, theirs.low, theirs.high):
        raise TransferError(
            f"{whose}: the autoencoder's samples are {list(ours.shape)} in [{ours.low:g}, {ours.high:g}], "
            f"the GAN's {list(theirs.shape)} in [{theirs.low:g}, {theirs.high:g}]",
            "Compose the GAN for the autoencoder's samples, or use decoder-init, encoder-init, decoder-distill or "
            "feature-distill.",
        )


def fold_affine(
    net: str, name: str, layer: nn.Linear, how: str, affine: Callable[[ApplyContext], tuple[Tensor, Tensor]]
) -> list[Edit]:
    """Fold z -> A z + c, given as (A, c), into `layer`, which `net` calls `name`: W' = W A, b' = b + W c.

    Computed in float64. The bias is edited first, because it needs the weight as it was.
    """

    def bias(context: ApplyContext) -> Tensor:
        return (layer.bias.double() + layer.weight.double() @ affine(context)[1].double()).to(layer.bias.dtype)

    def weight(context: ApplyContext) -> Tensor:
        return (layer.weight.double() @ affine(context)[0].double()).to(layer.weight.dtype)

    return [
        Edit(net, f"{name}.bias", "adapted", how, bias),
        Edit(net, f"{name}.weight", "adapted", how, weight),
    ]


def name_of(layer: nn.Module, inside: nn.Module) -> str:
    """The name under which `layer` is registered in `inside`."""
    names: dict[int, str] = {id(module): name for name, module in inside.named_modules()}
    return names[id(layer)]


def _copy(role: str, name: str) -> Callable[[ApplyContext], Tensor]:
    return lambda context: context.source.parts[role].state_dict()[name].clone()


def _made(
    role: str, recipe: TensorMapping, tensor_sources: Mapping[str, TensorSource], place: TensorTarget
) -> Callable[[ApplyContext], Tensor]:
    def value(context: ApplyContext) -> Tensor:
        state = context.source.parts[role].state_dict()
        assert recipe.make is not None
        made = recipe.make(lambda name: tensor_sources[name].make(state) if name in tensor_sources else state[name])
        return place.make(made)

    return value


def _best(source: nn.Module, target: nn.Module) -> dict[str, TensorMapping]:
    """The recipes of the better of the two alignments: by the layers at the input, or by those at the output."""
    ours, theirs = layers_of(source), layers_of(target)
    both = min(len(ours), len(theirs))
    if not both:
        return {}
    found = []
    for at_output in (True, False):
        pairs = (
            list(zip(ours[-both:], theirs[-both:], strict=True)) if at_output else list(zip(ours, theirs, strict=False))
        )
        whole = {"first": at_output is False or len(ours) == len(theirs), "last": at_output or len(ours) == len(theirs)}
        recipes = _adapted(source, target, pairs, **whole)
        if len(ours) != len(theirs):
            verb = f"{'drop' if len(ours) > len(theirs) else 'add'}-layers"
            recipes = {name: TensorMapping(r.source, [verb, *r.bridges], r.make) for name, r in recipes.items()}
        found.append(recipes)
    return max(found, key=len)


def _adapted(
    source: nn.Module, target: nn.Module, pairs: list[tuple[Layer, Layer]], *, first: bool, last: bool
) -> dict[str, TensorMapping]:
    old, new = getattr(source, "data", None), getattr(target, "data", None)
    if old is None or new is None:
        return adapt(pairs)
    channels = (old.shape[0], new.shape[0]) if old.is_image and new.is_image else (1, 1)
    if hasattr(target, "latent_dim"):  # a generator
        scale = _output_scale(source, target)
        enters = pairs[0][0].part is source.first and pairs[0][1].part is target.first
        latents = (int(source.latent_dim), int(target.latent_dim)) if enters else None  # type: ignore[arg-type]
        whole = last and scale is not None
        return adapt(pairs, leaves=channels, latents=latents, exit_scale=scale or 1.0) if whole else {}
    span = (old.high - old.low) / (new.high - new.low)
    entry = (span, old.low - span * new.low) if _range(source) != _range(target) else (1.0, 0.0)
    return adapt(pairs, enters=channels, entry=entry) if first else {}


def _output_scale(source: nn.Module, target: nn.Module) -> float | None:
    """sigmoid(u) is (1 + tanh(u / 2)) / 2: the last layer is halved or doubled; None where neither holds."""
    if _range(source) == _range(target):
        return 1.0
    ends = type(list(source.modules())[-1]), type(list(target.modules())[-1])
    scales: dict[tuple[type, type], float] = {(nn.Sigmoid, nn.Tanh): 0.5, (nn.Tanh, nn.Sigmoid): 2.0}
    return scales.get(ends)


def _has_norms(net: nn.Module) -> bool:
    return any(isinstance(part, _BatchNorm) for part in net.modules())


def _range(net: nn.Module) -> tuple[float, float] | None:
    data = getattr(net, "data", None)
    return None if data is None else (data.low, data.high)


def _misfit(ours: dict[str, Any], theirs: dict[str, Any], role: str, net: str, prefix: str) -> str:
    if set(ours) == set(theirs):
        name = next((name for name in theirs if ours[name] != theirs[name]), next(iter(theirs)))
        return f"{role}.{name} is {list(ours[name])}, {net}.{prefix}{name} is {list(theirs[name])}"
    return f"the {role}'s layers do not fit the {net}'s: {_shapes(ours)} against {_shapes(theirs)}"


_HINT = (
    "Compose the GAN like the autoencoder: zoo.gan(like=autoencoder), or `zoo transfer` without --generator and "
    "--discriminator; or let it learn from the autoencoder: --strategy decoder-distill (the generator) or "
    "feature-distill (both)."
)


def _shapes(tensors: dict[str, Any]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in list(tensors.items())[:6])
