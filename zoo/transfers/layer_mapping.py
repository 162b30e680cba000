"""Bridges between layers of other shapes: channels, widths, value range, more or fewer layers.

Every layer of a net is a linear map with, on each axis, an index that means channels (times places). A bridge is then a
matrix per axis: new = M_out W M_in^T. Wider layers repeat units and share their outgoing weights among the copies, so
the function is kept (Net2Wider: Chen et al. 2016); colour images repeat a grey one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

__all__ = ["Layer", "TensorMapping", "activation_mismatch", "adapt", "layers_of"]

_LINEAR_MAPS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True, slots=True)
class Layer:
    """A module that holds tensors of its own, and its name."""

    name: str
    part: nn.Module

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its own parameters and buffers by name."""
        return {**dict(self.part.named_parameters(recurse=False)), **dict(self.part.named_buffers(recurse=False))}

    def full(self, key: str) -> str:
        """The name of one of its tensors inside the whole net."""
        return f"{self.name}.{key}" if self.name else key

    @property
    def kind(self) -> type[nn.Module] | None:
        """Which of torch's linear maps it is; None for anything else. The exact class counts, since a subclass may
        compute its weight; one that computes the same says so with the class attribute `equivalent_to`."""
        kind = type(self.part)
        kind = kind.__dict__.get("equivalent_to", kind)
        return kind if kind in _LINEAR_MAPS else None

    @property
    def axes(self) -> tuple[int, int] | None:
        """Which axis of the weight goes out and which comes in; None for anything but a plain linear map."""
        kind = self.kind
        return None if kind is None else (1, 0) if kind is nn.ConvTranspose2d else (0, 1)

    def size(self, axis: int) -> int:
        """How many indices the weight has on its out (0) or in (1) axis."""
        axes = self.axes
        assert axes is not None
        weight: Tensor = self.part.weight  # type: ignore[assignment]
        return weight.shape[axes[axis]]


@dataclass(slots=True)
class TensorMapping:
    """How one tensor of the target is made of one of the source: its name there, the bridges used, and the map."""

    source: str
    bridges: list[str] = field(default_factory=list)
    make: Callable[[Callable[[str], Tensor]], Tensor] | None = None


def layers_of(module: nn.Module) -> list[Layer]:
    """The modules that hold tensors of their own, in the order of their registration."""
    found = [Layer(name, part) for name, part in module.named_modules()]
    return [layer for layer in found if layer.tensors]


def adapt(
    pairs: Sequence[tuple[Layer, Layer]],
    *,
    enters: tuple[int, int] | None = None,
    leaves: tuple[int, int] | None = None,
    latents: tuple[int, int] | None = None,
    entry: tuple[float, float] = (1.0, 0.0),
    exit_scale: float = 1.0,
) -> dict[str, TensorMapping]:
    """How each of the target's tensors is made, from consecutive layers (source's, target's); what fits no bridge is
    left out.

    `enters` and `leaves` are the image channels (source's, target's) where the first layer reads or the last one makes
    an image; `latents` are the values of a code (source's, target's) where the first layer reads one. Images that come
    in as x are what the source knew as `entry[0] x + entry[1]`; the last layer is scaled by
    `exit_scale`.
    """
    found: dict[str, TensorMapping] = {}
    maps = [k for k, (old, new) in enumerate(pairs) if old.kind is not None and old.kind is new.kind]
    widening: Tensor | None = None  # (new, old): how the channels before this layer were repeated
    for k, (old, new) in enumerate(pairs):
        if k in maps:
            first, last = k == maps[0] and enters is not None, k == maps[-1] and leaves is not None
            bridges: list[str] = []
            into = _channels(*enters, fold=True) if first and enters else _shared(widening)
            if latents and k == maps[0] and latents[0] != latents[1]:
                # values that are added read nothing yet, values that are dropped count as 0
                into = torch.eye(latents[1], latents[0])
                bridges.append(f"latent {latents[0]} to {latents[1]}")
            if first and enters and enters[0] != enters[1]:
                bridges.append(f"channels {enters[0]} to {enters[1]}")
            granules = _channel_counts(pairs, maps, k)
            if last and leaves:
                out = _channels(*leaves, fold=False)
                bridges += [f"channels {leaves[0]} to {leaves[1]}"] if leaves[0] != leaves[1] else []
            else:
                out = _wider(*granules) if granules else None
            if out is _IMPOSSIBLE or not _fits(old, new, into, out):
                widening = None
                continue
            if (out is not None and not last) or widening is not None:
                bridges.append("net2wider")
            scale = exit_scale if last else 1.0
            affine = entry if first else (1.0, 0.0)
            bridges += ["value range"] if scale != 1.0 or affine != (1.0, 0.0) else []
            found |= _linear(old, new, into, out, scale, affine, bridges)
            widening = None if last else out
        elif old.tensors.keys() == new.tensors.keys():
            found |= _vectors(old, new, widening)
    return found


_IMPOSSIBLE = torch.empty(0)


def _channel_counts(pairs: Sequence[tuple[Layer, Layer]], maps: list[int], k: int) -> tuple[int, int] | None:
    """How many channels (source's, target's) leave layer k: those that the next linear map reads, if it says."""
    old, new = pairs[k]
    following = [j for j in maps if j > k]
    sizes = [old.size(0), new.size(0)]
    if following:
        reads = [layer.size(1) for layer in pairs[following[0]]]
        # a convolution after a matrix reads its rows as channels with places
        if all(size % read == 0 for size, read in zip(sizes, reads, strict=True)):
            return reads[0], reads[1]
    return sizes[0], sizes[1]


def _wider(old: int, new: int) -> Tensor | None:
    """(new, old): copies in a row, None when nothing changes; too narrow a target is impossible."""
    if new == old:
        return None
    if new < old:
        return _IMPOSSIBLE
    return torch.eye(old)[[j * old // new for j in range(new)]]


def _shared(widening: Tensor | None) -> Tensor | None:
    """The matrix for what reads repeated channels: each copy gets its share."""
    return None if widening is None else widening / widening.sum(0, keepdim=True)


def _channels(old: int, new: int, *, fold: bool) -> Tensor | None:
    """(new, old) for an image's channels: grey repeated for colours, or colours folded (sum in, mean out) into grey."""
    if old == new:
        return None
    if old == 1:
        return torch.full((new, 1), 1.0 / new if fold else 1.0)
    if new == 1:
        return torch.full((1, old), 1.0 if fold else 1.0 / old)
    return _IMPOSSIBLE


def _fits(old: Layer, new: Layer, into: Tensor | None, out: Tensor | None) -> bool:
    if into is _IMPOSSIBLE or out is _IMPOSSIBLE or old.tensors.keys() != new.tensors.keys():
        return False
    for axis, matrix in ((0, out), (1, into)):
        if matrix is None:
            if old.size(axis) != new.size(axis):
                return False
        elif (
            old.size(axis) % matrix.shape[1]
            or new.size(axis) % matrix.shape[0]
            or old.size(axis) // matrix.shape[1] != new.size(axis) // matrix.shape[0]
        ):
            return False
    weights: list[Tensor] = [old.part.weight, new.part.weight]  # type: ignore[list-item]
    return weights[0].shape[2:] == weights[1].shape[2:]


def _linear(
    old: Layer,
    new: Layer,
    into: Tensor | None,
    out: Tensor | None,
    scale: float,
    affine: tuple[float, float],
    bridges: list[str],
) -> dict[str, TensorMapping]:
    assert new.axes is not None
    axes = new.axes

    def weight(read: Callable[[str], Tensor]) -> Tensor:
        value = _along(read(old.full("weight")), axes[0], out)
        value = _along(value, axes[1], into)
        return value * (scale * affine[0]) if scale * affine[0] != 1.0 else value

    def bias(read: Callable[[str], Tensor]) -> Tensor:
        value = read(old.full("bias"))
        if affine[1]:
            weight = read(old.full("weight"))
            value = value + affine[1] * weight.sum([i for i in range(weight.dim()) if i != axes[0]])
        value = _along(value, 0, out)
        return value * scale if scale != 1.0 else value

    made = {new.full("weight"): TensorMapping(old.full("weight"), bridges, weight)}
    if "bias" in new.tensors:
        made[new.full("bias")] = TensorMapping(old.full("bias"), bridges, bias)
    elif affine[1]:
        return {}  # a shift has nowhere to go
    return made


def _vectors(old: Layer, new: Layer, widening: Tensor | None) -> dict[str, TensorMapping]:
    """Norms and other tensors, one value a channel."""
    made = {}
    for key, tensor in new.tensors.items():
        theirs = old.tensors[key]
        matrix = None
        if theirs.shape != tensor.shape:
            if widening is None or tensor.dim() != 1 or (*tensor.shape, *theirs.shape) != tuple(widening.shape):
                return {}
            matrix = widening

        def make(read: Callable[[str], Tensor], key: str = key, matrix: Tensor | None = matrix) -> Tensor:
            return _along(read(old.full(key)), 0, matrix)

        made[new.full(key)] = TensorMapping(old.full(key), ["net2wider"] if matrix is not None else [], make)
    return made


def _along(value: Tensor, axis: int, matrix: Tensor | None) -> Tensor:
    """The matrix (new, old) applied to the channels of one axis, each with its places."""
    if matrix is None:
        return value.clone()
    moved = value.movedim(axis, 0)
    places = moved.shape[0] // matrix.shape[1]
    channels = moved.reshape(matrix.shape[1], places, *moved.shape[1:])
    mixed: Tensor = torch.tensordot(matrix.to(value), channels, 1)
    return mixed.reshape(matrix.shape[0] * places, *moved.shape[1:]).movedim(0, axis)


_OUTPUTS = (nn.Tanh, nn.Sigmoid)


def activation_mismatch(source: nn.Module, target: nn.Module, whose: str) -> list[str]:
    """A note if the target's activations are others than the source's: what is copied then computes something else.

    Compared by kind and setting, wherever both nets have them as modules of torch.nn; what brings a generator's images
    into their range is left out (a bridge takes care of that).
    """
    ours, theirs = _activations(source), _activations(target)
    if not ours or not theirs or ours == theirs:
        return []
    return [
        f"{whose}: the autoencoder's activations are {_listed(ours)}, the GAN's {_listed(theirs)}: the weights are the "
        "same, what they compute is not"
    ]


def _activations(net: nn.Module) -> set[str]:
    parts = list(net.modules())
    if hasattr(net, "latent_dim") and isinstance(parts[-1], _OUTPUTS):
        parts.pop()
    return {repr(part) for part in parts if type(part).__module__ == activation.__name__}


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
