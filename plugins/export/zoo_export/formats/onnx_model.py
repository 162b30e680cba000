"""ONNX, for onnxruntime in every language and in browsers, and for the compilers of accelerators."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from zoo.plugin import ConfigError, PluginError
from zoo_export.formats.tracing import HINT, quiet, traced
from zoo_export.graphs import Graph
from zoo_export.replay import Program

__all__ = ["OPSET", "facts", "read", "write"]

OPSET = 18
"""The opset that torch's exporter writes directly; onnxruntime reads it since 1.14."""
_LARGEST = 2**31
"""A protobuf message of this many bytes cannot be read."""


def write(graph: Graph, metadata: Mapping[str, str]) -> bytes:
    """The bytes of a .onnx with the metadata as its `metadata_props`. Raises ConfigError if onnx is not installed or
    the file would be too large, PluginError for operations that ONNX does not have."""
    onnx = _library("onnx")
    _library("onnxscript")
    weights = sum(t.numel() * t.element_size() for t in graph.module.state_dict().values())
    if weights >= _LARGEST:
        raise ConfigError(
            f"the {graph.role} has {weights / 2**30:.1f} GiB of weights, and an ONNX file holds less than 2",
            "Use --precision fp16 or int8, or --format torch.export.",
        )
    program = traced(graph)
    names = [value.name for value in graph.inputs]
    try:
        with quiet():
            written = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=names,
                output_names=[graph.output.name],
                verbose=False,
            )
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise PluginError(f"the {graph.role} cannot be written as ONNX: {reason[:200]}", HINT) from error
    assert written is not None, "the exporter gives a program"
    model = onnx.ModelProto.FromString(written.model_proto.SerializeToString())
    _forget_traces(model)
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def read(data: bytes) -> Program:
    """The graph in onnxruntime, on the CPU. Raises ConfigError if that is not installed."""
    runtime = _library("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]

    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        arrays = [tensor.numpy() for tensor in inputs]
        return torch.from_numpy(session.run(None, dict(zip(names, arrays, strict=True)))[0])

    return run


def facts() -> dict[str, str | int]:
    """The opset, and the versions of the libraries that wrote and replayed it."""
    versions = {name: str(_library(name).__version__) for name in ("onnx", "onnxscript", "onnxruntime")}
    return {"opset": OPSET, "torch": torch.__version__, **versions}


def _forget_traces(model: Any) -> None:
    """Remove the exporter's notes: they hold source lines and paths of the machine that exported."""
    graph = model.graph
    for message in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        message.ClearField("metadata_props")
        message.ClearField("doc_string")


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"ONNX needs {name}, which is not installed", "pip install 'aegan-zoo[export]'") from error
