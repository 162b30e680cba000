"""Pretrained weights of a network that a strategy brings itself: fetched when its plan is applied."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from zoo.errors import TransferError
from zoo.networks.compose import build_part
from zoo.networks.pretrained import awaits_values, origins_of, remember_origins
from zoo.transfers.density import memoize
from zoo.transfers.plan import ApplyContext, Edit, edit_each
from zoo.types import DataSpec, PartSpec

__all__ = ["fetched_edits", "require_fetched"]


def fetched_edits(net: str, prefix: str, encoder: nn.Module, spec: PartSpec, data: DataSpec) -> list[Edit]:
    """The edits that give an `encoder` of a plan, called `prefix` in `net`, the pretrained weights that `spec` names.

    The plan has the structure alone; the weights are fetched when the first of these edits is applied.
    """

    def fetch(context: ApplyContext) -> Mapping[str, Tensor]:
        fetched: nn.Module = build_part("encoder", spec, "fetched", data)
        remember_origins(encoder, origins_of(fetched))
        return fetched.state_dict()

    return edit_each(net, encoder.state_dict(), "copied", f"pretrained weights of {spec}", memoize(fetch), prefix)


def require_fetched(nets: Mapping[str, nn.Module], edits: list[Edit]) -> None:
    """Raises TransferError if a network of a plan names pretrained weights, and no edit gives them: it would be used
    with random ones."""
    edited = {(edit.net, edit.tensor) for edit in edits}
    for net, module in nets.items():
        for name, inner in module.named_modules():
            if not awaits_values(inner):
                continue
            tensors = [f"{name}.{tensor}" if name else tensor for tensor in inner.state_dict()]
            missing = [tensor for tensor in tensors if (net, tensor) not in edited]
            if missing:
                raise TransferError(
                    f"{net}.{name} names pretrained weights, and nothing gives them to it ({missing[0]}, ...)",
                    "Its strategy adds the edits of `zoo.plugin.fetched_edits` to its plan.",
                )
