"""`torch.export`: a program of ATen operations, for AOTInductor, ExecuTorch and other compilers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from zoo_export.formats.tracing import quiet, traced
from zoo_export.graphs import Graph
from zoo_export.replay import Program

__all__ = ["facts", "read", "write"]


def write(graph: Graph, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .pt2; `torch.export.load` gives the metadata as extra files. Raises PluginError."""
    file = io.BytesIO()
    with quiet():
        torch.export.save(traced(graph), file, extra_files=dict(metadata))
    return file.getvalue()


def read(data: bytes) -> Program:
    """The program of a .pt2 that this process wrote."""
    with quiet():
        module = torch.export.load(io.BytesIO(data)).module()

    @torch.inference_mode()
    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        return cast(Tensor, module(*inputs))

    return run


def facts() -> dict[str, str | int]:
    """The version of torch."""
    return {"torch": torch.__version__}
