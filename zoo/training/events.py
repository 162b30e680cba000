"""The lines of a run's events.jsonl: what is an event, and what is not (torch-free)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from zoo.errors import ConfigError

__all__ = ["EventLines", "read_events"]

_COMMON = frozenset({"kind", "shown", "total", "time"})


class EventLines(NamedTuple):
    """The events of a file, oldest first, and the numbers of the lines, from 1, that are none."""

    events: list[dict[str, Any]]
    bad: tuple[int, ...]


def read_events(path: Path) -> EventLines:
    """The lines of a file; none if there is no such file. A last line that a kill cut short is no bad line. Raises
    ConfigError if the file cannot be read."""
    try:
        *lines, rest = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return EventLines([], ())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}", "Check its rights.") from error
    events, bad = [], []
    for number, line in enumerate((*lines, rest), 1):
        event = _event(line)
        if event is not None:
            events.append(event)
        elif number <= len(lines):
            bad.append(number)
    return EventLines(events, tuple(bad))


def _event(line: bytes) -> dict[str, Any] | None:
    """The event in a line; None for anything else, such as a metrics event without rows or a loss that is a text."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("kind"), str):
        return None
    if type(event.get("shown")) is not int or event["shown"] < 0:
        return None
    if event["kind"] == "tick" and not all(_is_number(event[name]) for name in event if name not in _COMMON):
        return None
    rows = event.get("metrics", [])
    return event if isinstance(rows, list) and all(map(_is_figure, rows)) else None


def _is_figure(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not _is_number(row.get("value")):
        return False
    interval = row.get("interval")
    return interval is None or (isinstance(interval, list) and len(interval) == 2 and all(map(_is_number, interval)))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
