"""Map the tensors of one net to another: copied if names and shapes agree, else adapted by named bridges.

The report lists every adapted tensor with its bridges. If too few tensors can be mapped, planning fails with the shapes
that do not match.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.errors import TransferError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.types import Generator
from zoo.transfers.layer_mapping import Layer, TensorMapping, adapt, layers_of
from zoo.transfers.norm_folding import (
    TensorSource,
    TensorTarget,
    foldable_norms,
    tensor_sources,
    tensor_targets,
    without_parametrizations,
)
from zoo.transfers.plan import ApplyContext, Edit, source_part

__all__ = ["fold_affine", "map_weights", "name_of", "require_same_data"]

Shapes = Mapping[str, tuple[int, ...]]


def map_weights(source: nn.Module, source_role: str, target: nn.Module, net: str, prefix: str = "") -> list[Edit]:
    """Edits that fill `target` from `source`, the autoencoder's module `source_role`; `second/encoder` is that of the
    further source `second`.

    The target's tensor `w` is `prefix + w` in the state dict of `net`. If all names and shapes agree, it is copied.
    Otherwise layers are aligned from the input or from the output, and each is adapted by the bridges of
    `zoo.transfers.layer_mapping` (channels, value range, net2wider); layers that the target lacks are dropped, and ones
    that the source lacks stay fresh. Between encoders, spectral norms and batch norms that only one of the two has are
    folded (`zoo.transfers.norm_folding`). Raises TransferError if less than half of the target's tensors can be mapped.
    """
    source_shapes = {name: tuple(tensor.shape) for name, tensor in source.state_dict().items()}
    target_shapes = {name: tuple(tensor.shape) for name, tensor in target.state_dict().items()}
    if source_shapes == target_shapes and _range(source) == _range(target):
        return [
            Edit(net, prefix + name, "copied", f"{source_role}.{name}", _copy(source_role, name))
            for name in target_shapes
        ]
    plain_source, plain_target = source, target
    sources: dict[str, TensorSource] = {}
    encoders = not hasattr(target, "code_shape")
    if encoders:
        folded = foldable_norms(source) if _has_norms(source) and not _has_norms(target) else {}
        plain_source, plain_target = without_parametrizations(source, folded), without_parametrizations(target, {})
        sources = tensor_sources(source, folded)
    mappings = _best_alignment(plain_source, plain_target)
    if 2 * len(mappings) < len(plain_target.state_dict()):
        raise TransferError(_mismatch(source_shapes, target_shapes, source_role, net, prefix), _HINT)
    edits = []
    for name, mapping in mappings.items():
        targets = tensor_targets(target, name) if encoders else [TensorTarget(name, (), lambda value: value)]
        if targets is None:
            raise TransferError(
                f"{net}.{prefix}{name} has a spectral norm, which would rescale the weight",
                "encoder-init keeps the scale; or compose the GAN like the autoencoder: zoo.gan(like=autoencoder).",
            )
        folds = sources[mapping.source].bridges if mapping.source in sources else ()
        for entry in targets:
            bridges = [*folds, *mapping.bridges, *entry.bridges]
            origin = f"{source_role}.{mapping.source}"
            how = f"{', '.join(bridges)}: {origin}" if bridges else origin
            value = _mapped_value(source_role, mapping, sources, entry)
            edits.append(Edit(net, prefix + entry.tensor, "adapted" if bridges else "copied", how, value))
    return edits


def require_same_data(source: Autoencoder, gan: GAN, strategy: str) -> None:
    """Raise TransferError unless both have the same sample shape and value range: a `strategy` that puts the
    autoencoder's own nets into the GAN needs that."""
    old, new = source.data, gan.data
    if not old.same_values(new):
        raise TransferError(
            f"{strategy}: the autoencoder's samples are {old}, the GAN's {new}",
            "Compose the GAN for the autoencoder's samples, or use decoder-init, encoder-init, decoder-distill or "
            "feature-distill.",
        )


def fold_affine(
    net: str, name: str, layer: nn.Linear, how: str, affine: Callable[[ApplyContext], tuple[Tensor, Tensor]]
) -> list[Edit]:
    """Fold z -> A z + c into `layer`, called `name` in `net`: W' = W A, b' = b + W c. `affine` computes (A, c).

    Computed in float64. The bias is edited first, because it needs the original weight.
    """

    def bias(context: ApplyContext) -> Tensor:
        return (layer.bias.double() + layer.weight.double() @ affine(context)[1].double()).to(layer.bias.dtype)

    def weight(context: ApplyContext) -> Tensor:
        return (layer.weight.double() @ affine(context)[0].double()).to(layer.weight.dtype)

    return [Edit(net, f"{name}.bias", "adapted", how, bias), Edit(net, f"{name}.weight", "adapted", how, weight)]


def name_of(layer: nn.Module, inside: nn.Module) -> str:
    """The name under which `layer` is registered in `inside`."""
    names: dict[int, str] = {id(module): name for name, module in inside.named_modules()}
    return names[id(layer)]


def _copy(role: str, name: str) -> Callable[[ApplyContext], Tensor]:
    return lambda context: source_part(context, role).state_dict()[name].clone()


def _mapped_value(
    role: str, mapping: TensorMapping, sources: Mapping[str, TensorSource], target: TensorTarget
) -> Callable[[ApplyContext], Tensor]:
    def value(context: ApplyContext) -> Tensor:
        state = source_part(context, role).state_dict()
        return target.make(mapping.make(lambda name: sources[name].make(state) if name in sources else state[name]))

    return value


def _best_alignment(source: nn.Module, target: nn.Module) -> dict[str, TensorMapping]:
    """Align the layers at the input or at the output, whichever maps more tensors of the target."""
    old, new = layers_of(source), layers_of(target)
    count = min(len(old), len(new))
    if not count:
        return {}
    same_depth = len(old) == len(new)
    alignments = []
    for at_output in (True, False):
        pairs = list(zip(old[-count:], new[-count:], strict=True) if at_output else zip(old, new, strict=False))
        mappings = _map_layers(source, target, pairs, first=same_depth or not at_output, last=same_depth or at_output)
        if not same_depth:
            bridge = "drop-layers" if len(old) > len(new) else "add-layers"
            mappings = {name: TensorMapping(m.source, m.make, [bridge, *m.bridges]) for name, m in mappings.items()}
        alignments.append(mappings)
    return max(alignments, key=len)


def _map_layers(
    source: nn.Module, target: nn.Module, pairs: list[tuple[Layer, Layer]], *, first: bool, last: bool
) -> dict[str, TensorMapping]:
    """Map aligned layers; `first` and `last` say whether the nets' first and last layers are among the pairs."""
    old, new = getattr(source, "data", None), getattr(target, "data", None)
    if old is None or new is None:
        return adapt(pairs)
    channels = (old.shape[0], new.shape[0]) if old.is_spatial and new.is_spatial else (1, 1)
    if hasattr(target, "code_shape"):
        old_generator, new_generator = cast(Generator, source), cast(Generator, target)
        scale = _output_scale(source, target)
        if not last or scale is None:
            return {}
        reads_codes = pairs[0][0].module is old_generator.first and pairs[0][1].module is new_generator.first
        latents = (math.prod(old_generator.code_shape), math.prod(new_generator.code_shape)) if reads_codes else None
        return adapt(pairs, image_out=channels, latents=latents, output_scale=scale)
    span = (old.high - old.low) / (new.high - new.low)
    affine = (span, old.low - span * new.low) if _range(source) != _range(target) else (1.0, 0.0)
    return adapt(pairs, image_in=channels, input_affine=affine) if first else {}


def _output_scale(source: nn.Module, target: nn.Module) -> float | None:
    """The factor of the last layer between sigmoid and tanh, sigmoid(u) = (1 + tanh(u / 2)) / 2; None if neither."""
    if _range(source) == _range(target):
        return 1.0
    ends = type(list(source.modules())[-1]), type(list(target.modules())[-1])
    scales: dict[tuple[type, type], float] = {(nn.Sigmoid, nn.Tanh): 0.5, (nn.Tanh, nn.Sigmoid): 2.0}
    return scales.get(ends)


def _has_norms(net: nn.Module) -> bool:
    return any(isinstance(module, _BatchNorm) for module in net.modules())


def _range(net: nn.Module) -> tuple[float, float, bool] | None:
    data = getattr(net, "data", None)
    return None if data is None else (data.low, data.high, data.bounded)


def _mismatch(source: Shapes, target: Shapes, role: str, net: str, prefix: str) -> str:
    if set(source) == set(target):
        name = next((name for name in target if source[name] != target[name]), next(iter(target)))
        return f"{role}.{name} is {list(source[name])}, {net}.{prefix}{name} is {list(target[name])}"
    return f"the {role}'s layers do not fit the {net}'s: {_shapes(source)} against {_shapes(target)}"


_HINT = (
    "Compose the GAN like the autoencoder: zoo.gan(like=autoencoder), or `zoo transfer` without --generator and "
    "--discriminator; or let it learn from the autoencoder: --strategy decoder-distill (the generator) or "
    "feature-distill (both)."
)


def _shapes(tensors: Shapes) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in list(tensors.items())[:6])
