"""Texts that people write and strangers send: registries, tables of labels, recipes."""

from __future__ import annotations

import random
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from PIL import Image
from registries import table, write

from attack.arena import Action, Family
from attack.damage import HOSTILE, damage_bytes, damage_plain, damage_text
from attack.judge import command
from zoo.data.config import DataConfig
from zoo.data.open import open_data
from zoo.training.recipe import parse_recipe, read_recipe, write_recipe
from zoo.training.rehearsal import rehearse

__all__ = ["LABELS", "RECIPES", "REGISTRIES"]


def _damage_toml(path: Path, rng: random.Random) -> str:
    """One value, a few letters or a few bits of the file."""
    kind = rng.randrange(3)
    if kind == 0:
        plain = _without_none(damage_plain(tomllib.loads(path.read_text()), rng))
        path.write_text(tomli_w.dumps(plain if isinstance(plain, dict) else {"x": plain}))
    elif kind == 1:
        path.write_text(damage_text(path.read_text(), rng))
    else:
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
    return ("a value", "letters", "bits")[kind]


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value if item is not None] if isinstance(value, list) else value


# Registries

_REGISTRY = ("--registry", "{}/registry.toml")
_LISTINGS = (
    (*_REGISTRY, "list"),
    (*_REGISTRY, "list", "--json"),
    (*_REGISTRY, "list", "*@*", "-q"),
    ("registry", "rm", "mlp.x", "--file", "{}/registry.toml"),
)


def _make_registry(place: Path) -> None:
    tables = [table(f"dcgan.{tag}@1.{n}.0", version="", aliases=f'["old.{tag}{n}"]') for n in (0, 1) for tag in "abc"]
    write(place / "registry.toml", *tables, table("mlp.x", default="true", plugins='["zoo-mlp"]'))


def _listing(rng: random.Random) -> tuple[str, Action]:
    words = rng.choice(_LISTINGS)
    return " ".join(words), command(*words)


REGISTRIES = Family(
    "registries", _make_registry, lambda place, rng: _damage_toml(place / "registry.toml", rng), _listing
)


# Tables of labels


def _make_labels(place: Path) -> None:
    (place / "photos").mkdir()
    rows = []
    for i in range(12):
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(place / "photos" / f"{i}.png")
        rows.append(f"{i}.png,{'dress' if i % 2 else 'shoe'}")
    (place / "labels.csv").write_text("file,class\n" + "\n".join(rows) + "\n")


def _damage_labels(place: Path, rng: random.Random) -> str:
    path = place / "labels.csv"
    if rng.random() < 0.3:
        cells = [line.split(",") for line in path.read_text().splitlines()]
        cells[rng.randrange(len(cells))][rng.randrange(2)] = str(rng.choice(HOSTILE))
        path.write_text("\n".join(",".join(row) for row in cells))
        return "a cell"
    if rng.random() < 0.5:
        path.write_text(damage_text(path.read_text(), rng))
        return "letters"
    path.write_bytes(damage_bytes(path.read_bytes(), rng))
    return "bits"


def _labels(place: Path) -> object:
    config = DataConfig(str(place / "photos"), shape=(1, 8, 8), labels=str(place / "labels.csv"))
    images = open_data(config)
    return images.sha256, images.spec.condition, None if images.labels is None else images.labels.tolist()


LABELS = Family("labels", _make_labels, _damage_labels, lambda rng: ("open", _labels))


# Recipes

_RECIPE = """
seed = 3
[data]
source = "photos"
shape = [1, 8, 8]
low = -1.0
high = 1.0
[autoencoder]
encoder = { component = "dcgan", config = { width = 4 } }
decoder = { component = "dcgan", config = { width = 4 } }
code_shape = [6]
training = { images = 32, batch = 4, learning_rate = 1e-3 }
[transfer]
strategy = "decoder-init"
[gan]
code_shape = [6]
generator = { component = "dcgan", config = { width = 4 } }
discriminator = { component = "dcgan", config = { width = 4 } }
prior = "normal"
[gan.training]
images = 64
batch = 8
augment = "colour"
regulariser = { component = "core/r1", config = { gamma = 1.0 } }
[evaluation]
metric = "starter/judge"
samples = 64
"""


def _make_recipe(place: Path) -> None:
    (place / "recipe.toml").write_text(_RECIPE)


def _read_recipe(place: Path) -> object:
    recipe = read_recipe(place / "recipe.toml")
    written = write_recipe(recipe)
    assert write_recipe(parse_recipe(written, "again")) == written, "written and read again it is another recipe"
    return written


def _rehearse(place: Path) -> object:
    recipe = read_recipe(place / "recipe.toml")
    rehearse(recipe)
    return write_recipe(recipe)


def _recipe_action(rng: random.Random) -> tuple[str, Action]:
    return rng.choice((("read", _read_recipe), ("rehearse", _rehearse)))


RECIPES = Family("recipes", _make_recipe, lambda place, rng: _damage_toml(place / "recipe.toml", rng), _recipe_action)
