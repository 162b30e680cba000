"""A graph as a `torch.export` program whose number of rows is free."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

import torch
from torch.export import Dim, ExportedProgram, export

from zoo.plugin import PluginError
from zoo_export.graphs import Graph

__all__ = ["HINT", "quiet", "traced"]

HINT = "Name the others to export without it, as in --part generator; and tell the component's author."


def traced(graph: Graph) -> ExportedProgram:
    """The program of a graph. Raises PluginError if torch cannot trace it, or only for a fixed number of rows."""
    rows = Dim("batch")
    given = tuple(torch.cat([tensor[:1]] * 2) for tensor in graph.given)
    failure: Exception | None = None
    for strict in (False, True):  # only the strict tracer follows len(x), only the other one arbitrary Python
        try:
            with quiet():
                return export(graph.module, given, dynamic_shapes=(tuple({0: rows} for _ in given),), strict=strict)
        except Exception as error:
            failure = failure or error
    reason = (str(failure).strip().splitlines() or [""])[0]
    raise PluginError(f"torch.export cannot trace the {graph.role}: {reason[:200]}", HINT) from failure


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what torch says about itself while it traces."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
