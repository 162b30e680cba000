"""Weights as safetensors: equal tensors give equal bytes, and untrusted bytes are checked before they are parsed.

`check_header` does not need torch. There is one metadata key, `zoo`, with sorted JSON, as the order of several keys is
not preserved.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo._utils.strict_json import parse_json
from zoo.errors import IntegrityError, ReleaseError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Header", "TensorFacts", "check_header", "pack", "unpack"]

_KEY = "zoo"
_LARGEST_HEADER = 10_000_000
_MAX_DIMENSIONS = 8
_MAX_VALUES = 2**48
_MOST_TENSORS = 2**15
_ITEM_SIZES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """A tensor's entry in a header: the type (`F32`), the shape, and the span of its data in bytes."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a safetensors file: its tensors by name, and the facts that were given to `pack`."""

    tensors: dict[str, TensorFacts]
    facts: dict[str, Any]


def pack(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> bytes:
    """Tensors of any device and stride, also shared ones, and plain facts, as safetensors bytes.

    Equal tensors and facts give equal bytes in any order. Raises ReleaseError for tensors on the meta device, sparse or
    quantised tensors, and facts that are not plain data.
    """
    import safetensors.torch
    import torch

    contiguous = {}
    for name, tensor in sorted(tensors.items()):
        if tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
            raise ReleaseError(f"tensor {name!r} cannot be saved: it is on meta, sparse or quantised")
        contiguous[name] = tensor.detach().cpu().contiguous().clone()
    try:
        text = json.dumps(dict(facts), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ReleaseError(f"the facts beside the weights are not plain data: {error}") from None
    data: bytes = safetensors.torch.save(contiguous, metadata={_KEY: text})
    check_header(data, "packed weights")  # never write a file that cannot be read
    return data


def unpack(data: bytes, what: str) -> dict[str, Tensor]:
    """Tensors on the CPU from safetensors bytes. `what` names the file in errors. Raises IntegrityError.

    They are cloned: CPU results with unaligned views of the bytes differ in the last bit.
    """
    check_header(data, what)
    import safetensors
    import safetensors.torch

    try:
        views = safetensors.torch.load(data)
    except safetensors.SafetensorError as error:
        raise IntegrityError(f"{what}: {error}") from None
    return {name: views[name].clone() for name in sorted(views)}


def check_header(data: bytes, what: str) -> Header:
    """Check safetensors bytes before a native parser reads them.

    The header must be inside the file, smaller than 10 MB and of at most 32,768 tensors. Each tensor must occur once,
    with a known type and a shape that matches its span; the spans must cover the data without gaps or overlaps;
    booleans must be 0 or 1; the only metadata key is `zoo`. Raises IntegrityError with a message that starts with
    `what`.
    """
    if len(data) < 8:
        raise IntegrityError(f"{what}: {len(data)} bytes are too few for a safetensors file")
    (length,) = struct.unpack("<Q", data[:8])
    if length > min(len(data) - 8, _LARGEST_HEADER):
        raise IntegrityError(f"{what}: its header claims {length:,} bytes of {len(data):,}")
    text, body = data[8 : 8 + length], memoryview(data)[8 + length :]
    plain = parse_json(text, f"{what}: header", largest=_LARGEST_HEADER, deepest=4, error=IntegrityError)
    if not isinstance(plain, dict) or not text.startswith(b"{"):
        raise IntegrityError(f"{what}: its header is not a table")
    facts = _facts(plain.pop("__metadata__", {}), what)
    if len(plain) > _MOST_TENSORS:  # a parser's work for each of them is the same if they are empty
        raise IntegrityError(f"{what}: {len(plain):,} tensors; at most {_MOST_TENSORS:,} are read")
    tensors = {name: _tensor(name, entry, what) for name, entry in plain.items()}
    at = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if tensor.begin != at:
            raise IntegrityError(f"{what}: tensor {name[:80]!r} starts at {tensor.begin}, not at {at}")
        at = tensor.end
        if tensor.dtype == "BOOL" and bytes(body[tensor.begin : at]).strip(b"\0\1"):
            raise IntegrityError(f"{what}: tensor {name[:80]!r} holds truth values other than 0 and 1")
    if at != len(body):
        raise IntegrityError(f"{what}: its tensors cover {at:,} of {len(body):,} bytes")
    return Header(tensors, facts)


def _tensor(name: str, entry: Any, what: str) -> TensorFacts:
    prefix = f"{what}: tensor {name[:80]!r}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise IntegrityError(f"{prefix} needs exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _ITEM_SIZES:
        raise IntegrityError(f"{prefix} has an unknown dtype {str(dtype)[:40]!r}")
    possible = _are_counts(shape) and len(shape) <= _MAX_DIMENSIONS
    if not possible or math.prod(n or 1 for n in shape) > _MAX_VALUES:
        raise IntegrityError(f"{prefix} has an impossible shape {str(shape)[:80]}")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise IntegrityError(f"{prefix} has impossible data_offsets {str(offsets)[:80]}")
    begin, end = offsets
    if math.prod(shape) * _ITEM_SIZES[dtype] != end - begin:
        raise IntegrityError(f"{prefix}, {dtype} of shape {shape}, does not fill its {end - begin:,} bytes")
    return TensorFacts(dtype, tuple(shape), begin, end)


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and n >= 0 for n in value)


def _facts(metadata: Any, what: str) -> dict[str, Any]:
    if not isinstance(metadata, dict) or not set(metadata) <= {_KEY}:
        raise IntegrityError(f"{what}: its metadata may have the key {_KEY!r} only")
    text = metadata.get(_KEY, "{}")
    if not isinstance(text, str):
        raise IntegrityError(f"{what}: its metadata {_KEY!r} is not text")
    name = f"{what}: metadata {_KEY!r}"
    facts = parse_json(text.encode(), name, largest=_LARGEST_HEADER, error=IntegrityError)
    if not isinstance(facts, dict):
        raise IntegrityError(f"{what}: its metadata {_KEY!r} is not a table")
    return facts
