"""A name for values: the sha256 of a module's state."""

from __future__ import annotations

import hashlib

from torch import nn

__all__ = ["digest"]


def digest(module: nn.Module) -> str:
    """sha256 over the names, types, shapes and bytes of a module's state dict, in sorted order."""
    sha = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()
