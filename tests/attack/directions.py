"""Files of directions, which people share."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from attack.arena import Action, Family
from attack.damage import damage_bytes
from attack.judge import command
from zoo.editing.direction_files import read_directions, write_directions
from zoo.editing.directions import Directions

__all__ = ["DIRECTIONS"]

_FILE = "d.safetensors"


def _make(place: Path) -> None:
    vectors = torch.randn(3, 1, 6, generator=torch.Generator().manual_seed(0))
    write_directions(place / _FILE, Directions(("hat", "smile", "x,y"), vectors, "attributes", "dcgan.blobs", "0" * 64))


def _damage(place: Path, rng: random.Random) -> str:
    path = place / _FILE
    data = path.read_bytes()
    if rng.random() < 0.5:
        path.write_bytes(damage_bytes(data, rng))
        return "bits"
    length = int.from_bytes(data[:8], "little")
    head = damage_bytes(data[8 : 8 + length], rng)
    path.write_bytes(len(head).to_bytes(8, "little") + head + data[8 + length :])
    return "the header"


def _read(place: Path) -> Any:
    found = read_directions(place / _FILE)
    return found.names, found.method, found.model, found.vectors.tolist()


def _action(rng: random.Random) -> tuple[str, Action]:
    show = command("directions", "show", f"{{}}/{_FILE}", *rng.choice(((), ("--json",), ("-q",))))
    return rng.choice((("read", _read), ("show", show)))


DIRECTIONS = Family("directions", _make, _damage, _action)
