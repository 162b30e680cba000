"""Releases: raw damage to files that a registry pins, and manifests of a publisher who means harm."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from helpers import released

from attack.arena import Action, Family
from attack.damage import damage_folder, damage_plain
from attack.judge import command
from zoo._utils.files import sha256_of
from zoo._utils.strict_json import dump_json
from zoo.registry.edit import add

__all__ = ["MANIFESTS", "RELEASES"]

_NAMED = ("--registry", "{}/registry.toml")
_BY_NAME = (
    (*_NAMED, "verify", "dcgan.blobs"),
    (*_NAMED, "verify", "dcgan.blobs", "--files", "--json"),
    (*_NAMED, "info", "dcgan.blobs", "--json"),
    (*_NAMED, "sample", "dcgan.blobs", "-n", "4", "-o", "{}/out.npz"),
    (*_NAMED, "list", "--json"),
)
_BY_FOLDER = (
    ("verify", "{}/release"),
    ("verify", "{}/release", "--files"),
    ("info", "{}/release", "--json"),
    ("info", "{}/release"),
    ("sample", "{}/release", "-n", "4", "-o", "{}/out.npz"),
)


def _make(place: Path) -> None:
    released(place / "release")
    add(str(place / "release"), place / "registry.toml")


def _damage_files(place: Path, rng: random.Random) -> str:
    return damage_folder(place / "release", rng)


def _damage_manifest(place: Path, rng: random.Random) -> str:
    """Any facts, with a digest of their own that fits."""
    path = place / "release" / "zoo.json"
    plain = damage_plain({key: value for key, value in json.loads(path.read_bytes()).items() if key != "sha256"}, rng)
    if isinstance(plain, dict):
        plain["sha256"] = sha256_of(dump_json(plain))
    path.write_bytes(dump_json(plain))
    return "a manifest"


def _choose(commands: tuple[tuple[str, ...], ...]) -> Callable[[random.Random], tuple[str, Action]]:
    def choose(rng: random.Random) -> tuple[str, Action]:
        words = rng.choice(commands)
        return " ".join(words), command(*words)

    return choose


RELEASES = Family("releases", _make, _damage_files, _choose(_BY_NAME), pinned=True)
MANIFESTS = Family("manifests", _make, _damage_manifest, _choose(_BY_FOLDER))
