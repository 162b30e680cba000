"""What goes into a graph and comes out of it, as a reader of its metadata needs it."""

from __future__ import annotations

from dataclasses import dataclass

from zoo.plugin import Condition, DataSpec

__all__ = ["Value", "code_value", "condition_value", "sample_value"]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor (N, *shape), N any number of rows.

    `low` and `high` are the value range; None if it has no bounds. `draw` says how to draw it, if it is noise:
    `normal` is independent N(0, 1), `uniform` independent and uniform in [0, 1). `names` are those of the classes that
    an int64 tensor (N,) numbers, or of the columns of attributes (N, names); `shares` those of the classes among the
    training images.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    draw: str = ""
    names: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


def sample_value(data: DataSpec) -> Value:
    """A sample: an image, or the code of one in a first stage, or a vector."""
    name = "image" if data.is_image else "sample"
    return Value(name, data.shape, low=data.low, high=data.high) if data.bounded else Value(name, data.shape)


def code_value(code_shape: tuple[int, ...]) -> Value:
    """A code."""
    return Value("code", code_shape)


def condition_value(condition: Condition) -> Value:
    """The class of each row, as its number, or its attributes."""
    if condition.classes:
        last = float(condition.width - 1)
        return Value("class", (), "int64", 0.0, last, names=condition.classes, shares=condition.shares)
    return Value("attributes", (condition.width,), names=condition.attributes)
