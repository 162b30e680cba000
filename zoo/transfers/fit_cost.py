"""How long a fit will take and how much memory it needs, estimated before it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from zoo.errors import TransferError

__all__ = ["FitCost", "describe_cost", "flow_cost", "full_cost", "low_rank_cost", "refuse_costly"]

_FLOPS = 2e10
"""Of one core in float64, with what such fits reach of it."""
_LOW_RANK_STEPS = 10
_STEP_SECONDS = 2e-3
"""The usual number of steps of a mixture of low rank, and a component's overhead per step."""
_MOST_SECONDS = 3600.0
_MOST_OF_MEMORY = 0.5


@dataclass(frozen=True, slots=True)
class FitCost:
    """The seconds and bytes that a fit needs on one core, within a factor of about 5, and the hint for a user to whom
    that is too much."""

    seconds: float
    bytes: float
    hint: str


def full_cost(codes: int, values: int, components: int) -> FitCost:
    """A mixture of Gaussians with full covariances, fitted to so many codes of so many values."""
    entries = components * values**2
    steps = 1 if components == 1 else _steps(codes, values)
    factorised = entries * values / 3
    evaluated = 2 * codes * min(components, 16) * values**2
    seconds = steps * ((factorised + evaluated) / _FLOPS + components * _STEP_SECONDS)
    # two covariances in float64 and two in float32 at a time, and the codes with a copy
    return FitCost(seconds, 24 * entries + 16 * codes * values, "Set a rank, as rank=32, or fewer components.")


def low_rank_cost(codes: int, values: int, components: int, rank: int) -> FitCost:
    """A mixture of Gaussians with covariances of low rank, fitted to so many codes of so many values."""
    rank = min(rank, values)
    decomposed = 12 * codes * values * rank + 4 * components * values * rank**2
    evaluated = 2 * codes * min(components, 16) * values * (rank + 8)
    # products with a narrow matrix reach half of the rate
    seconds = _LOW_RANK_STEPS * (2 * (decomposed + evaluated) / _FLOPS + components * _STEP_SECONDS)
    entries = components * values * (rank + 4)
    return FitCost(
        seconds, 32 * entries + 48 * codes * values, "Set a lower rank, fewer components or fewer max_codes."
    )


def flow_cost(values: int, parameters: int, layers: int, batch: int, steps: int) -> FitCost:
    """A flow of dense `layers` with so many parameters in all, fitted in `steps` of `batch` codes."""
    # forwards and backwards, in float32, which is twice as fast
    operations = 3 * batch * parameters + 100 * batch * values * layers + 40 * parameters
    seconds = steps * (operations / _FLOPS + layers * _STEP_SECONDS)
    return FitCost(seconds, 24 * parameters + 60 * batch * values * layers, "Set fewer steps, layers or a lower width.")


def describe_cost(cost: FitCost) -> str:
    """`about 40 s`, `about 5 min`, `about 3 hours`; empty below 2 s."""
    if cost.seconds < 2:
        return ""
    if cost.seconds < 100:
        return f"about {cost.seconds:.0f} s"
    minutes = cost.seconds / 60
    return f"about {minutes:.0f} min" if minutes < 100 else f"about {minutes / 60:,.0f} hours"


def refuse_costly(what: str, cost: FitCost) -> None:
    """Raises TransferError if the fit `what` needs more than about an hour, or more than half of the machine's
    memory."""
    if cost.bytes > _MOST_OF_MEMORY * _memory():
        needed = f"{cost.bytes / 2**30:,.0f} GiB of memory, more than half of this machine's"
    elif cost.seconds > _MOST_SECONDS:
        needed = f"{describe_cost(cost)} on one core"
    else:
        return
    raise TransferError(f"{what} would need {needed}", f"{cost.hint} Or choose another prior.")


def _steps(codes: int, values: int) -> float:
    """A usual number of steps of expectation-maximisation: with few codes for their values, each soon has its place."""
    return 2 + 18 * min(1.0, codes / values)


def _memory() -> float:
    """The machine's bytes of memory; infinite on systems that do not tell (Windows)."""
    if not hasattr(os, "sysconf"):
        return float("inf")
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
