"""Options that several commands share, and how their values are parsed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from zoo._utils.strict_toml import parse_toml
from zoo.cli import completing
from zoo.errors import ConfigError

__all__ = [
    "GIVE_ON",
    "balance",
    "by_class",
    "code_shape",
    "component",
    "data",
    "device",
    "flip",
    "json_option",
    "labels",
    "open_model",
    "out_option",
    "parse_settings",
    "pictures",
    "quiet_option",
    "running",
    "seed",
    "settings",
    "shape",
    "size",
    "strict",
    "track",
    "training",
]

GIVE_ON = "Hand it to a GAN first: zoo transfer {} --data IMAGES --out runs/new"
"""The hint if a GAN is needed and there is an autoencoder."""

_LARGEST_SETTING = 100_000

Command = TypeVar("Command", bound=Callable[..., Any])


class Option(Protocol):
    """A decorator that adds an option to a command's function."""

    def __call__(self, command: Command, /) -> Command: ...


class _Seeds(click.ParamType[list[tuple[int, int]]]):
    name = "SEED[:INDEX],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[tuple[int, int]]:
        try:
            pairs = [
                (int(seed), int(index or 0)) for seed, _, index in (one.partition(":") for one in value.split(","))
            ]
        except ValueError:
            self.fail(f"{value[:80]!r} are no seeds such as 3,17 or 0:17", param, ctx)
        if any(index < 0 for _, index in pairs):
            self.fail("an index counts from 0", param, ctx)
        return pairs


json_option: Option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
quiet_option: Option = click.option("--quiet", "-q", is_flag=True, help="Print names or folders alone.")
seed = click.option("--seed", type=int, default=0, show_default=True, help="Fixes every random draw.")
pictures = click.option(
    "--seeds",
    type=_Seeds(),
    metavar="SEED[:INDEX],...",
    help="Draw exactly these: 3,17 are the first of both seeds, 0:17 is the one after 17 others of seed 0.",
)
data = click.option(
    "--data",
    required=True,
    shell_complete=completing.complete_data,
    help="A data set's name, a folder of images, or an .npz.",
)
device = click.option(
    "--device", metavar="auto|cpu|cuda|mps", help="Where to compute; auto, the default, takes a GPU if there is one."
)
out_option: Option = click.option(
    "--out", "-o", type=click.Path(path_type=Path), required=True, help="The folder to write."
)
settings = click.option(
    "--set",
    "given",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting, such as encoder.width=64 or learning_rate=1e-3.",
)


track = click.option(
    "--track", multiple=True, metavar="PLUGIN", help="Send the events to it too: tensorboard, trackio."
)
labels = click.option(
    "--labels",
    metavar="auto|auto:N|off|folders|TABLE.csv|column:NAME",
    help="Where classes come from; auto, the default, takes the source's own, or the folders that images lie in; auto:N"
    " makes N clusters (zoo transfer).",
)
strict = click.option("--strict", is_flag=True, help="Refuse a folder that holds unreadable images.")


class _Shape(click.ParamType[tuple[int, ...]]):
    name = "C,H,W"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(n) for n in str(value).replace("x", ",").split(","))
        except ValueError:
            self.fail(f"{value!r} is not a shape such as 1,32,32", param, ctx)


shape = click.option("--shape", type=_Shape(), help="The shape of a sample, such as 3,64,64.")
code_shape = click.option("--code-shape", type=_Shape(), help="The values of a code, 64 or 4,8,8.")


size = click.option("--size", type=click.IntRange(1), metavar="PIXELS", help="Colour images of so many pixels a side.")
balance = click.option(
    "--balance", is_flag=True, help="With --by-class: show every class about equally often, however few its images."
)
by_class = click.option(
    "--by-class",
    is_flag=True,
    help="Let the GAN (the decoder) take the images' classes: samples of one can be asked for.",
)
flip = click.option("--flip", is_flag=True, help="Learn the codes of mirrored copies of the images too.")


def training(command: Command) -> Command:
    """How long to train, in which batches, and what to measure along the way."""
    for option in (
        click.option("--every", type=int, help="Measure after so many images."),
        click.option(
            "--metric",
            shell_complete=completing.complete_component("metric"),
            help="Measure KID and FID in this feature space along the way (GANs).",
        ),
        click.option("--batch", type=int, help="Images a step."),
        click.option("--images", type=int, help="How many images to show."),
    ):  # the last one applied is the first that help names
        command = option(command)
    return command


def component(flag: str, kind: str, help: str) -> Option:
    """An option that names a component of a kind."""
    return click.option(flag, shell_complete=completing.complete_component(kind), help=help)


def running(command: Command) -> Command:
    """What the commands that train share, in the order of help."""
    for option in (quiet_option, json_option, seed, track, strict, labels, device, settings):
        command = option(command)
    return command


def parse_settings(given: tuple[str, ...], flag: str = "--set") -> dict[str, Any]:
    """`("encoder.width=64",)` -> `{"encoder.width": 64}`; values are TOML, else text."""
    parsed: dict[str, Any] = {}
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"{flag} {setting!r} is not KEY=VALUE", f"For example: {flag} batch=64")
        try:
            parsed[key] = parse_toml(f"value = {text}".encode(), largest=_LARGEST_SETTING)["value"]
        except ValueError:
            parsed[key] = text
    return parsed


def open_model(name: str, device: str | None = None) -> Any:
    """A release by name or folder, or a run by folder, both with `.autoencoder` and `.gan`, on a device (auto)."""
    from zoo.training import api  # imports torch
    from zoo.training.devices import choose

    chosen = choose(device or "auto")
    loaded = api.open_model(name)
    for model in (loaded.autoencoder, loaded.gan):
        if model is not None:
            model.to(chosen)
        if model is not None and model.first_stage is not None:
            model.first_stage.autoencoder.to(chosen)
    return loaded
