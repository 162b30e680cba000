"""Carry the tensors of one net into another: as they are where both fit, through a named bridge where not.

A bridge gives edits, so that every adapted tensor is listed in the report with the bridge's name. What no
bridge can carry is refused while planning, with the axis, both values and what would fit.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from zoo.errors import TransferError
from zoo.protocols import Edit, Values

__all__ = ["carry", "fold_affine", "name_of"]


def carry(source: nn.Module, source_role: str, target: nn.Module, net: str, prefix: str = "") -> list[Edit]:
    """Edits that fill every tensor of `target` from `source`, a part of the autoencoder called `source_role`.

    `net` and `prefix` say where the target sits: its tensor `w` is `prefix + w` in the state dict of `net`.
    Exact where names and shapes agree; where the target has fewer layers, the bridge `drop-layers` takes the
    source's last ones. Raises TransferError otherwise.
    """
    ours = {name: tuple(tensor.shape) for name, tensor in source.state_dict().items()}
    theirs = {name: tuple(tensor.shape) for name, tensor in target.state_dict().items()}
    if ours == theirs:
        return [
            Edit(net, prefix + name, "copied", f"{source_role}.{name}", _copy(source_role, name)) for name in theirs
        ]
    if set(ours) == set(theirs):
        name = next(name for name in theirs if ours[name] != theirs[name])
        raise TransferError(
            f"{source_role}.{name} is {list(ours[name])}, {net}.{prefix}{name} is {list(theirs[name])}",
            "Compose the GAN like the autoencoder: zoo.gan(like=autoencoder), or `zoo transfer` without --generator "
            "and --discriminator.",
        )
    return [
        Edit(net, prefix + new, "adapted", f"drop-layers: {source_role}.{old}", _copy(source_role, old))
        for old, new in _last_layers(source, source_role, target, net)
    ]


def fold_affine(
    net: str, name: str, layer: nn.Linear, how: str, affine: Callable[[Values], tuple[Tensor, Tensor]]
) -> list[Edit]:
    """Fold z -> A z + c, given as (A, c), into `layer`, which `net` calls `name`: W' = W A, b' = b + W c.

    Computed in float64. The bias is edited first, because it needs the weight as it was.
    """

    def bias(values: Values) -> Tensor:
        return (layer.bias.double() + layer.weight.double() @ affine(values)[1].double()).to(layer.bias.dtype)

    def weight(values: Values) -> Tensor:
        return (layer.weight.double() @ affine(values)[0].double()).to(layer.weight.dtype)

    return [
        Edit(net, f"{name}.bias", "adapted", how, bias),
        Edit(net, f"{name}.weight", "adapted", how, weight),
    ]


def name_of(layer: nn.Module, inside: nn.Module) -> str:
    """The name under which `layer` is registered in `inside`."""
    names: dict[int, str] = {id(module): name for name, module in inside.named_modules()}
    return names[id(layer)]


def _copy(role: str, name: str) -> Callable[[Values], Tensor]:
    return lambda values: values.source.parts[role].state_dict()[name].clone()


def _last_layers(source: nn.Module, source_role: str, target: nn.Module, net: str) -> list[tuple[str, str]]:
    """Pairs of tensor names (source's, target's), the layers aligned from the output."""
    ours, theirs = _layers(source), _layers(target)
    if 0 < len(theirs) <= len(ours):
        pairs = []
        for (old_name, old), (new_name, new) in zip(ours[-len(theirs) :], theirs, strict=True):
            old_shapes = {key: tuple(value.shape) for key, value in old.items()}
            new_shapes = {key: tuple(value.shape) for key, value in new.items()}
            if old_shapes != new_shapes:
                break
            pairs += [(_join(old_name, key), _join(new_name, key)) for key in new]
        else:
            return pairs
    raise TransferError(
        f"the {source_role}'s layers do not fit the {net}'s: {_shapes(ours)} against {_shapes(theirs)}",
        "Compose the GAN like the autoencoder: zoo.gan(like=autoencoder).",
    )


def _layers(module: nn.Module) -> list[tuple[str, dict[str, Tensor]]]:
    """The modules that hold tensors of their own, in the order of their registration."""
    layers = []
    for name, part in module.named_modules():
        tensors = {**dict(part.named_parameters(recurse=False)), **dict(part.named_buffers(recurse=False))}
        if tensors:
            layers.append((name, tensors))
    return layers


def _join(layer: str, key: str) -> str:
    return f"{layer}.{key}" if layer else key


def _shapes(layers: list[tuple[str, dict[str, Tensor]]]) -> str:
    return ", ".join(f"{name} {list(next(iter(tensors.values())).shape)}" for name, tensors in layers[:6])
