"""Map layers to layers of other shapes: channels, width and value range.

A layer is a linear map whose axes index channels (times positions). A bridge is a matrix per axis:
W' = M_out W M_in^T. Wider layers repeat units and divide their outgoing weights among the copies, which preserves the
function (Net2Wider: Chen et al. 2016); a grey image is repeated for colour channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules import activation

__all__ = ["Layer", "TensorMapping", "activation_mismatch", "adapt", "layers_of"]

_LINEAR_MAPS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True, slots=True)
class Layer:
    """A module with tensors of its own, and its name."""

    name: str
    module: nn.Module

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its own parameters and buffers by name."""
        return dict([*self.module.named_parameters(recurse=False), *self.module.named_buffers(recurse=False)])

    def full(self, key: str) -> str:
        """The name of one of its tensors in the net's state dict."""
        return f"{self.name}.{key}" if self.name else key

    @property
    def kind(self) -> type[nn.Module] | None:
        """The class of a linear map of torch; None for any other module. A subclass counts only if its class attribute
        `equivalent_to` names the class that it computes the same as: others may compute their weight."""
        kind = type(self.module)
        kind = kind.__dict__.get("equivalent_to", kind)
        return kind if kind in _LINEAR_MAPS else None

    @property
    def axes(self) -> tuple[int, int] | None:
        """The output and the input axis of the weight; None unless it is a linear map of torch."""
        kind = self.kind
        return None if kind is None else (1, 0) if kind is nn.ConvTranspose2d else (0, 1)

    def size(self, axis: int) -> int:
        """The weight's size along its output (0) or input (1) axis."""
        assert self.axes is not None
        return self.tensors["weight"].shape[self.axes[axis]]


@dataclass(frozen=True, slots=True)
class TensorMapping:
    """Computes a tensor of the target from one of the source: its name there, the function, which gets a reader of the
    source's tensors, and the bridges used."""

    source: str
    make: Callable[[Callable[[str], Tensor]], Tensor]
    bridges: Sequence[str] = ()


def layers_of(module: nn.Module) -> list[Layer]:
    """The modules with tensors of their own, in the order of their registration."""
    return [layer for layer in (Layer(name, child) for name, child in module.named_modules()) if layer.tensors]


def adapt(
    pairs: Sequence[tuple[Layer, Layer]],
    *,
    image_in: tuple[int, int] | None = None,
    image_out: tuple[int, int] | None = None,
    latents: tuple[int, int] | None = None,
    input_affine: tuple[float, float] = (1.0, 0.0),
    output_scale: float = 1.0,
) -> dict[str, TensorMapping]:
    """The mappings of aligned layers (source's, target's), by the target's tensor; a tensor without a bridge is left
    out.

    `image_in` and `image_out` are image channels (source's, target's), if the first layer reads or the last one makes
    images; `latents` are the sizes of a code (source's, target's), if the first layer reads codes. The source's images
    are `input_affine[0] x + input_affine[1]` for the target's images x; the last layer is scaled by `output_scale`.
    """
    mappings: dict[str, TensorMapping] = {}
    maps = [k for k, (old, new) in enumerate(pairs) if old.kind is not None and old.kind is new.kind]
    widening: Tensor | None = None  # (new, old): how the channels before this layer were repeated
    for k, (old, new) in enumerate(pairs):
        if k in maps:
            first, last = k == maps[0] and image_in is not None, k == maps[-1] and image_out is not None
            bridges: list[str] = []
            into = _image_channels(*image_in, fold=True) if first and image_in else _split_among_copies(widening)
            if latents and k == maps[0] and latents[0] != latents[1]:
                # added values get zero weights, dropped values count as 0
                into = torch.eye(latents[1], latents[0])
                bridges.append(f"latent {latents[0]} to {latents[1]}")
            if first and image_in and image_in[0] != image_in[1]:
                bridges.append(f"channels {image_in[0]} to {image_in[1]}")
            if last and image_out:
                out = _image_channels(*image_out, fold=False)
                bridges += [f"channels {image_out[0]} to {image_out[1]}"] if image_out[0] != image_out[1] else []
            else:
                out = _widening(*_channel_counts(pairs, maps, k))
            if out is _NO_BRIDGE or not _can_map(old, new, into, out):
                widening = None
                continue
            if (out is not None and not last) or widening is not None:
                bridges.append("net2wider")
            scale = output_scale if last else 1.0
            affine = input_affine if first else (1.0, 0.0)
            bridges += ["value range"] if scale != 1.0 or affine != (1.0, 0.0) else []
            mappings |= _map_linear(old, new, into, out, scale, affine, bridges)
            widening = None if last else out
        elif old.tensors.keys() == new.tensors.keys():
            mappings |= _map_channel_vectors(old, new, widening)
    return mappings


_NO_BRIDGE = torch.empty(0)


def _channel_counts(pairs: Sequence[tuple[Layer, Layer]], maps: list[int], k: int) -> tuple[int, int]:
    """The output channels (source's, target's) of layer k: those that the next linear map reads, if they divide k's."""
    old, new = pairs[k]
    following = [j for j in maps if j > k]
    sizes = [old.size(0), new.size(0)]
    if following:
        reads = [layer.size(1) for layer in pairs[following[0]]]
        # a convolution after a fully connected layer reads its outputs as channels with positions
        if all(size % read == 0 for size, read in zip(sizes, reads, strict=True)):
            return reads[0], reads[1]
    return sizes[0], sizes[1]


def _widening(old: int, new: int) -> Tensor | None:
    """(new, old): each unit and its copies in a row; None if nothing changes. A narrower target has no bridge."""
    if new == old:
        return None
    if new < old:
        return _NO_BRIDGE
    return torch.eye(old)[[j * old // new for j in range(new)]]


def _split_among_copies(widening: Tensor | None) -> Tensor | None:
    """The matrix for a layer that reads repeated channels: the weight is divided among the copies."""
    return None if widening is None else widening / widening.sum(0, keepdim=True)


def _image_channels(old: int, new: int, *, fold: bool) -> Tensor | None:
    """(new, old) for image channels: grey is repeated for colours; colours are summed at the input and averaged at the
    output for grey."""
    if old == new:
        return None
    if old == 1:
        return torch.full((new, 1), 1.0 / new if fold else 1.0)
    if new == 1:
        return torch.full((1, old), 1.0 if fold else 1.0 / old)
    return _NO_BRIDGE


def _can_map(old: Layer, new: Layer, into: Tensor | None, out: Tensor | None) -> bool:
    if into is _NO_BRIDGE or out is _NO_BRIDGE or old.tensors.keys() != new.tensors.keys():
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
    return old.tensors["weight"].shape[2:] == new.tensors["weight"].shape[2:]


def _map_linear(
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
        value = _apply_to_axis(read(old.full("weight")), axes[0], out)
        value = _apply_to_axis(value, axes[1], into)
        return value * (scale * affine[0]) if scale * affine[0] != 1.0 else value

    def bias(read: Callable[[str], Tensor]) -> Tensor:
        value = read(old.full("bias"))
        if affine[1]:
            weight = read(old.full("weight"))
            value = value + affine[1] * weight.sum([i for i in range(weight.dim()) if i != axes[0]])
        value = _apply_to_axis(value, 0, out)
        return value * scale if scale != 1.0 else value

    mappings = {new.full("weight"): TensorMapping(old.full("weight"), weight, bridges)}
    if "bias" in new.tensors:
        mappings[new.full("bias")] = TensorMapping(old.full("bias"), bias, bridges)
    elif affine[1]:
        return {}  # without a bias, the input's shift cannot be compensated
    return mappings


def _map_channel_vectors(old: Layer, new: Layer, widening: Tensor | None) -> dict[str, TensorMapping]:
    """Map norms and other layers whose tensors have one value per channel."""
    mappings = {}
    for key, target in new.tensors.items():
        source = old.tensors[key]
        matrix = None
        if source.shape != target.shape:
            if widening is None or target.dim() != 1 or (*target.shape, *source.shape) != tuple(widening.shape):
                return {}
            matrix = widening

        def make(read: Callable[[str], Tensor], key: str = key, matrix: Tensor | None = matrix) -> Tensor:
            return _apply_to_axis(read(old.full(key)), 0, matrix)

        mappings[new.full(key)] = TensorMapping(old.full(key), make, ["net2wider"] if matrix is not None else [])
    return mappings


def _apply_to_axis(value: Tensor, axis: int, matrix: Tensor | None) -> Tensor:
    """Apply the matrix (new, old) to the channels of one axis, at each position."""
    if matrix is None:
        return value.clone()
    moved = value.movedim(axis, 0)
    positions = moved.shape[0] // matrix.shape[1]
    channels = moved.reshape(matrix.shape[1], positions, *moved.shape[1:])
    mixed: Tensor = torch.tensordot(matrix.to(value), channels, 1)
    return mixed.reshape(matrix.shape[0] * positions, *moved.shape[1:]).movedim(0, axis)


_OUTPUTS = (nn.Tanh, nn.Sigmoid)


def activation_mismatch(source: nn.Module, target: nn.Module, strategy: str) -> list[str]:
    """A note if source and target use different activations: the copied weights then compute another function.

    Compared are class and settings of the activations that are modules of torch.nn, except a generator's output
    activation, for which there is a bridge.
    """
    old, new = _activations(source), _activations(target)
    if not old or not new or old == new:
        return []
    return [
        f"{strategy}: the autoencoder's activations are {_joined(old)}, the GAN's {_joined(new)}: the weights are the "
        "same, but they compute another function"
    ]


def _activations(net: nn.Module) -> set[str]:
    modules = list(net.modules())
    if hasattr(net, "code_shape") and isinstance(modules[-1], _OUTPUTS):
        modules.pop()
    return {repr(module) for module in modules if type(module).__module__ == activation.__name__}


def _joined(names: set[str]) -> str:
    return ", ".join(sorted(names))
