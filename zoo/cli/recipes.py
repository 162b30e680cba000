"""A recipe from command-line options: the same one that a file would hold."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from zoo.cli.options import parse_settings
from zoo.config import from_plain
from zoo.data.config import DataConfig
from zoo.data.modalities import recipe_for
from zoo.errors import ConfigError, near
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining, Recipe, read_recipe
from zoo.transfers.parse import parse_strategy

__all__ = ["data_from_options", "recipe_from_options"]

_PARTS = {"autoencoder": ("encoder", "decoder", "bottleneck"), "gan": ("generator", "discriminator")}
_TRAINING = {"autoencoder": AutoencoderTraining, "gan": AdversarialTraining}
_LOSSES = ("objective", "regulariser")


def recipe_from_options(
    what: str, options: Mapping[str, Any], *, source: str | None = None, strategy: str | None = None
) -> Recipe:
    """A recipe from `autoencoder` or `gan` and a command's options, or from a recipe's file (which takes no options but
    --seed and --device). Without a `strategy` a transfer has the data's usual one, or `auto`.

    Raises ConfigError for an option that does not belong, a missing one or a wrong setting.
    """
    # by identity: 0 is a value that the user may give, to be refused, and equals False
    given = {key: value for key, value in options.items() if value is not None and value is not False and value != ()}
    seed = given.pop("seed", 0)
    device = given.pop("device", None)
    if what not in _PARTS:
        if given:
            raise ConfigError(
                f"a recipe's file holds its settings: {_flag(given)} cannot go with {what}",
                "Edit the file, or name autoencoder or gan instead of it.",
            )
        recipe = read_recipe(Path(what))
        return recipe if device is None else replace(recipe, engine=replace(recipe.engine, device=device))
    engine = _engine(given) | ({} if device is None else {"device": device})
    section = _section(what, given)
    plain: dict[str, Any] = {"name": what, "seed": seed, "data": _data(given), "engine": engine, what: section}
    metric, every = given.pop("metric", None), given.pop("every", None)
    if metric is not None or every is not None:
        plain["evaluation"] = {"metric": metric or "judge", **({} if every is None else {"every": every})}
    first_stage = given.pop("first_stage", None)
    if first_stage is not None:
        plain["first_stage"] = {"source": first_stage, "flip": given.pop("flip", False)}
    if source is not None:
        usual = recipe_for(plain["data"]).get("transfer", {}).get("strategy", "auto")
        plain["transfer"] = {"source": source, "strategy": parse_strategy(usual if strategy is None else strategy)}
        plain["transfer"]["further"] = _further(given.pop("further", ()))
        adapt = given.pop("adapt", None)
        if adapt is not None:
            plain["autoencoder"] = {"source": source, "training": {"images": adapt}}
            plain["transfer"]["source"] = "autoencoder"
    if given:
        raise ConfigError(f"{_flag(given)} does not belong to `zoo train {what}`")
    return from_plain(Recipe, _with_usual(plain), "the flags")


def _with_usual(plain: dict[str, Any]) -> dict[str, Any]:
    """The recipe with what is usual for its data (a table's networks, its budget) where nothing else is given. A
    section with a source has its parts already."""
    usual = recipe_for(plain["data"])
    for name in [name for name in _PARTS if name in plain and name in usual]:
        section, training = plain[name], plain[name].get("training", {})
        bare = "source" not in section and (name == "autoencoder" or "transfer" not in plain)
        parts = usual[name] if bare else {}
        plain[name] = {**parts, **section, "training": {**usual[name].get("training", {}), **training}}
    return plain


def _flag(given: Mapping[str, Any]) -> str:
    return f"--{min(given).replace('_', '-')}"


def _data(given: dict[str, Any]) -> DataConfig:
    """The images that --data and its options name; they are removed from the given options."""
    source, shape, size = (given.pop(key, None) for key in ("data", "shape", "size"))
    if shape is not None and size is not None:
        raise ConfigError("--shape and --size both say how large the images are", "Give one of them.")
    strict, labels = given.pop("strict", False), given.pop("labels", "auto")
    if source is None:
        raise ConfigError("no images given", "Say --data with a data set's name, a folder or an .npz.")
    return DataConfig(source, shape=shape or (size and (3, size, size)), strict=strict, labels=labels)


def data_from_options(options: Mapping[str, Any]) -> DataConfig:
    """The images that --data and its options name."""
    return _data({key: value for key, value in options.items() if value is not None and value is not False})


def _further(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """The further sources that --further NAME=SOURCE names."""
    further: dict[str, dict[str, str]] = {}
    for text in texts:
        name, equals, source = text.partition("=")
        problem = "is not NAME=SOURCE" if not equals or not source else f"names {name} twice" if name in further else ""
        if problem:
            raise ConfigError(f"--further {text} {problem}", "For example --further second=dcgan.glyphs-sans32")
        further[name] = {"source": source}
    return further


def _engine(given: dict[str, Any]) -> dict[str, Any]:
    """The settings --set engine.KEY=VALUE, removed from the given options."""
    prefix = "engine."
    settings = given.get("given", ())
    given["given"] = tuple(text for text in settings if not text.startswith(prefix))
    return parse_settings(tuple(text.removeprefix(prefix) for text in settings if text.startswith(prefix)))


def _section(what: str, given: dict[str, Any]) -> dict[str, Any]:
    """The [autoencoder] or [gan] table; its options are removed from the given ones."""
    section: dict[str, Any] = {name: given.pop(name) for name in _PARTS[what] if name in given}
    if "code_shape" in given:
        section["code_shape"] = given.pop("code_shape")
    training: dict[str, Any] = {name: given.pop(name) for name in ("images", "batch", "balance") if name in given}
    for key, value in parse_settings(given.pop("given", ())).items():
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
            f"--set {key}: training a{'n' * (what[0] == 'a')} {what} has no such setting", _similar(key, known)
        )
    return value


def _similar(key: str, known: Sequence[str]) -> str:
    """The hint for an unknown setting; `learning_rate` is spelled out in the names that it is compared with."""
    names = {name.replace("_lr", "_learning_rate"): name for name in known}
    close = difflib.get_close_matches(key, names, n=2, cutoff=0.5)
    return f"Did you mean {' or '.join(names[one] for one in close)}?" if close else near(key, known)


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
