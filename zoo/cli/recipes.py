"""Flags become a recipe, the same one that a file would hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from zoo.cli.options import parse_settings
from zoo.config import from_plain
from zoo.errors import ConfigError, near
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining, Recipe, read_recipe

__all__ = ["recipe_from_words"]

_PARTS = {
    "autoencoder": ("encoder", "generator", "bottleneck"),
    "gan": ("generator", "discriminator"),
}
_TRAINING = {"autoencoder": AutoencoderTraining, "gan": AdversarialTraining}
_LOSSES = ("objective", "regulariser")


def recipe_from_words(
    what: str, words: Mapping[str, Any], *, source: str | None = None, strategy: str = "scratch"
) -> Recipe:
    """A recipe from `autoencoder` or `gan` and flags, or from a recipe's file (which takes no flags but --seed and
    --device).

    Raises ConfigError for a flag that does not belong, a missing one or a wrong setting.
    """
    # by identity: 0 is a value that somebody gave, to be refused, and equals False
    words = {key: value for key, value in words.items() if value is not None and value is not False and value != ()}
    seed = words.pop("seed", 0)
    device = words.pop("device", None)
    if what not in _PARTS:
        if words:
            raise ConfigError(
                f"a recipe's file holds its settings: --{sorted(words)[0].replace('_', '-')} cannot go with {what}",
                "Edit the file, or name autoencoder or gan instead of it.",
            )
        recipe = read_recipe(Path(what))
        return recipe if device is None else replace(recipe, engine=replace(recipe.engine, device=device))
    engine = _engine(words) | ({} if device is None else {"device": device})
    section = _section(what, words)
    data = {name: words.pop(key, None) for name, key in (("source", "data"), ("shape", "shape"), ("strict", "strict"))}
    if data["source"] is None:
        raise ConfigError("no images given", "Say --data with a data set's name, a folder or an .npz.")
    plain: dict[str, Any] = {
        "name": f"{what}",
        "seed": seed,
        "data": {key: value for key, value in data.items() if value is not None},
        "engine": engine,
        what: section,
    }
    metric, every = words.pop("metric", None), words.pop("every", None)
    if metric is not None or every is not None:
        plain["evaluation"] = {"metric": metric or "judge", **({} if every is None else {"every": every})}
    if source is not None:
        plain["transfer"] = {"source": source, "strategy": strategy}
        adapt = words.pop("adapt", None)
        if adapt is not None:
            plain["autoencoder"] = {"source": source, "training": {"images": adapt}}
            plain["transfer"]["source"] = "autoencoder"
    if words:
        raise ConfigError(f"--{sorted(words)[0].replace('_', '-')} does not belong to `zoo train {what}`")
    return from_plain(Recipe, plain, "the flags")


def _engine(words: dict[str, Any]) -> dict[str, Any]:
    """What --set engine.KEY=VALUE says, taken out of the given settings."""
    prefix = "engine."
    given = words.get("given", ())
    words["given"] = tuple(word for word in given if not word.startswith(prefix))
    return parse_settings(tuple(word.removeprefix(prefix) for word in given if word.startswith(prefix)))


def _section(what: str, words: dict[str, Any]) -> dict[str, Any]:
    """The [autoencoder] or [gan] table; what it takes is removed from `words`."""
    section: dict[str, Any] = {name: words.pop(name) for name in _PARTS[what] if name in words}
    if "latent_dim" in words:
        section["latent_dim"] = words.pop("latent_dim")
    training: dict[str, Any] = {name: words.pop(name) for name in ("images", "batch") if name in words}
    for key, value in parse_settings(words.pop("given", ())).items():
        part, _, setting = key.partition(".")
        if not setting:
            training[key] = _known(key, value, what)
        elif part in _LOSSES:
            training[part] = _with_setting(training.get(part), part, setting, value)
        elif part in _PARTS[what]:
            section[part] = _with_setting(section.get(part), part, setting, value)
        else:
            raise ConfigError(f"--set {key}: there is no part {part!r}", near(part, (*_PARTS[what], *_LOSSES)))
    return section | {"training": training}


def _known(key: str, value: Any, what: str) -> Any:
    known = [field.name for field in fields(_TRAINING[what])]
    if key not in known:
        raise ConfigError(
            f"--set {key}: training a{'n' * (what[0] == 'a')} {what} has no such setting", near(key, known)
        )
    return value


def _with_setting(part: Any, role: str, setting: str, value: Any) -> dict[str, Any]:
    if part is None:
        named = (
            f"--set {role}={'core/r1' if role == 'regulariser' else 'core/vae'}"
            if role in _LOSSES
            else f"--{role} dcgan"
        )
        raise ConfigError(f"--set {role}.{setting}: name the {role} too", f"For example: {named}")
    spec: dict[str, Any] = {"component": part, "config": {}} if isinstance(part, str) else part
    return {"component": spec["component"], "config": {**spec["config"], setting: value}}
