"""The scalars of an event, as trackers show them. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.plugin import Event

__all__ = ["ENDS", "scalars"]

ENDS = ("end", "stopped", "failed")
"""The kinds of a run's last event."""


def scalars(event: Event) -> dict[str, float]:
    """Losses as `loss/<name>` and metrics as `metric/<name>`; empty for other events."""
    if event.kind == "metrics":
        return {f"metric/{row['name']}": float(row["value"]) for row in event.facts["metrics"]}
    if event.kind == "tick":
        return {f"loss/{name}": float(value) for name, value in event.facts.items()}
    return {}
