"""What can be chosen, without torch: graphs, precisions and formats."""

from __future__ import annotations

from typing import Literal, get_args

__all__ = ["FORMATS", "PRECISIONS", "ROLES", "WEB", "Precision"]

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

FORMATS = ("onnx", "torchscript", "torch.export")
WEB = "web"
"""The format of a page, which contains ONNX graphs."""

ROLES = (
    "encoder",
    "decoder",
    "prior",
    "generator",
    "discriminator",
    "first_stage_encoder",
    "first_stage_decoder",
    "sampler",
)
"""Every graph that a release may have, in the order in which they are written."""
