"""The formats of a graph, by name: how it is written to bytes, and read back to be replayed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zoo_export.formats import exported_program, onnx_model, torchscript
from zoo_export.graphs import Graph
from zoo_export.replay import Program

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """`write` makes the bytes of a file with this `suffix` of a graph and texts that go into its metadata; `read`
    loads the bytes; `facts` says with what they were written. Raises ConfigError if a library is missing."""

    suffix: str
    write: Callable[[Graph, Mapping[str, str]], bytes]
    read: Callable[[bytes], Program]
    facts: Callable[[], Mapping[str, str | int]]


FORMATS = {
    "onnx": Format(".onnx", onnx_model.write, onnx_model.read, onnx_model.facts),
    "torchscript": Format(".pt", torchscript.write, torchscript.read, torchscript.facts),
    "torch.export": Format(".pt2", exported_program.write, exported_program.read, exported_program.facts),
}
