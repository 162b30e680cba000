"""TorchScript, for libtorch in C++ and on phones. PyTorch recommends `torch.export` for new work."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from zoo.plugin import PluginError
from zoo_export.formats.tracing import HINT, quiet
from zoo_export.graphs import Graph
from zoo_export.replay import Program

__all__ = ["facts", "read", "write"]


def write(graph: Graph, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .pt, whose extra files are the metadata. Raises PluginError for what cannot be traced."""
    file = io.BytesIO()
    try:
        with quiet():
            script = torch.jit.trace(graph.module, graph.given, check_trace=False)
            torch.jit.save(script, file, _extra_files={name: text.encode() for name, text in metadata.items()})
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise PluginError(f"torch.jit cannot trace the {graph.role}: {reason[:200]}", HINT) from error
    return file.getvalue()


def read(data: bytes) -> Program:
    """The program of a .pt that this process wrote."""
    with quiet():
        module = torch.jit.load(io.BytesIO(data), map_location="cpu")

    @torch.inference_mode()
    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        return cast(Tensor, module(*inputs))

    return run


def facts() -> dict[str, str | int]:
    """The version of torch."""
    return {"torch": torch.__version__}
