"""A strategy as it is written, and the parts that it names (torch-free; no plugin is needed)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import ConfigError
from zoo.types import PartLike, PartSpec, as_part

__all__ = ["AUTO", "Strategy", "check_source_name", "is_auto", "parse_strategy"]

AUTO = "auto"
"""In place of a strategy's name: it is chosen by measuring the nets and the images (`zoo.transfers.auto`)."""

Strategy = str | Sequence[PartLike | Mapping[str, Any]]
"""`"decoder-init+encoder-init"`, or a list of parts if settings are needed."""


def parse_strategy(strategy: Strategy) -> tuple[PartSpec, ...]:
    """The parts that a strategy names, in the order of writing. Raises ConfigError if it names none."""
    parts = [name.strip() for name in strategy.split("+")] if isinstance(strategy, str) else list(strategy)
    if not parts or "" in parts:
        raise ConfigError(f"strategy {strategy!r} names nothing", "For example: decoder-init+encoder-init")
    if isinstance(strategy, str) and "," in strategy:
        joined = "+".join(name.strip() for name in strategy.replace("+", ",").split(",") if name.strip())
        raise ConfigError(f"strategies are joined by +, not by a comma: {strategy!r}", f"Write {joined}.")
    return tuple(as_part(part) for part in parts)


def is_auto(parts: Sequence[PartSpec]) -> bool:
    """Whether the strategy is still to be chosen."""
    return [part.component for part in parts] == [AUTO]


def check_source_name(name: str) -> None:
    """Raises ConfigError for a further source's name that cannot be part of a file's name."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
        raise ConfigError(
            f"further source {name[:80]!r} is not a name of lower-case letters, digits and hyphens",
            "For example second.",
        )
