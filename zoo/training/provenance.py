"""What a run's events say of where it was trained, and of its weights along the way."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from zoo._utils.files import sha256_of
from zoo.config import from_plain
from zoo.errors import ZooError
from zoo.networks.utils import digest
from zoo.release.provenance import Environment, Provenance, TracedWeights

__all__ = ["environment", "provenance_of", "traced_digest"]


def environment(device: torch.device) -> Environment:
    """This process, training on `device`."""
    import zoo

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    machine = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return Environment(zoo.__version__, torch.__version__, platform.python_version(), machine, name)


def traced_digest(modules: Mapping[str, nn.Module]) -> str:
    """SHA-256 (hex) over all modules of a run, by name."""
    return sha256_of("".join(f"{name} {digest(module)}\n" for name, module in sorted(modules.items())).encode())


def provenance_of(events: Iterable[Mapping[str, Any]], shown: int) -> Provenance | None:
    """The provenance of a run's weights after `shown` images; None if its events, of an earlier version, do not say
    it."""
    environments: dict[Environment, None] = {}
    weights: dict[int, str] = {}
    try:
        for event in events:
            if event["shown"] > shown:
                continue
            if "environment" in event:
                environments[from_plain(Environment, event["environment"], "events.jsonl")] = None
            elif "weights" in event:
                weights[event["shown"]] = event["weights"]
        traced = tuple(TracedWeights(at, weights[at]) for at in sorted(weights))
        return Provenance(tuple(environments), traced) if environments else None
    except ZooError:  # a run's events are notes: a damaged one is no reason to refuse its release
        return None
