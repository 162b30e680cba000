"""The modalities that plugins bring: which one reads a file, and what its records are as samples."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo import plugins
from zoo.config import to_plain
from zoo.data.config import COLUMN, DataConfig
from zoo.data.images import ImageSet
from zoo.data.labels import names_of_labels
from zoo.data.split import limit_rows, split
from zoo.data.types import Modality, Records
from zoo.errors import ConfigError, DataError, PluginError, ZooError
from zoo.plugins import RegisteredComponent
from zoo.plugins.failures import component_error, one_line
from zoo.types import DataSpec, PartSpec

__all__ = ["digest_of", "modality_class", "modality_of", "open_records", "reader_of", "recipe_for"]

_MOST_VALUES = 2**28


def reader_of(path: Path) -> RegisteredComponent | None:
    """The modality that reads files with this ending, the longest that fits; None if there is none. Raises ConfigError
    if two plugins read them."""
    name = path.name.lower()
    fitting = [
        (len(suffix), one)
        for one in plugins.components("modality")
        for suffix in one.component.suffixes
        if name.endswith(suffix)
    ]
    longest = max((length for length, _ in fitting), default=0)
    readers = [one for length, one in fitting if length == longest]
    if len(readers) > 1:
        ids = " and ".join(one.id for one in readers)
        raise ConfigError(f"both {ids} read {path.name}", f"Choose one: ZOO_DISABLE_PLUGINS={readers[1].plugin.name}")
    return readers[0] if readers else None


def modality_class(registered: RegisteredComponent) -> type[Modality]:
    """The class of a modality. Raises PluginError if it is none."""
    target = registered.component.target
    cls = plugins.import_component(registered, target)
    if not isinstance(cls, type) or set(plugins.missing_members(cls, Modality)) - {"width"}:
        raise component_error(registered, "it is not a class with what a modality has", target)
    return cls


def modality_of(spec: DataSpec) -> Modality:
    """The modality of samples that have one. Raises UnknownName if its plugin is not installed, ConfigError for
    settings that are wrong, PluginError."""
    assert spec.modality is not None, "images, codes and plain vectors have none"
    built: Modality = plugins.build("modality", spec.modality)
    if built.width != spec.size:
        raise ConfigError(f"{spec.modality.component} makes samples of {built.width} values, not of {spec.size}")
    return built


def recipe_for(config: DataConfig) -> Mapping[str, Any]:
    """What is usual for the source of a config, if a modality reads it: tables of a recipe as plain data, or none.
    Raises like `reader_of`."""
    reader = reader_of(Path(config.source))
    return {} if reader is None else modality_class(reader).recipe


def digest_of(modality: PartSpec) -> str:
    """The first 12 hex digits of the SHA-256 of a modality's settings, which tells two of them apart."""
    plain = json.dumps(to_plain(modality.config), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:12]


def open_records(path: Path, registered: RegisteredComponent, config: DataConfig, like: DataSpec | None) -> ImageSet:
    """The records of a file as samples: as `like` or the config describes them, or else fitted to the rows to learn
    from. Raises DataError, ConfigError, or PluginError if the modality's code fails."""
    target = registered.component.target
    try:
        return _open(path, registered, config, like)
    except ZooError:
        raise
    except (Exception, SystemExit) as error:
        raise component_error(registered, f"it failed to open {path.name}: {one_line(error)}", target) from error


def _open(path: Path, registered: RegisteredComponent, config: DataConfig, like: DataSpec | None) -> ImageSet:
    cls = modality_class(registered)
    _check_options(config, path)
    records: Records = cls.read(path)
    if not len(records):
        raise DataError(f"{path} has no records")
    rows = limit_rows([str(row) for row in range(len(records))], config.limit)
    train = split([str(row) for row in rows], config.held_out_share)
    known = like.modality if like is not None else config.modality
    if like is not None and known is None:
        raise ConfigError(f"{path} holds records for {registered.id}, and the model takes {like}", "Give other data.")
    if known is None:
        fitted = cls.fit(records, np.asarray(rows)[train].tolist())
        known = PartSpec(registered.id, to_plain(fitted))
    modality: Modality = plugins.build("modality", plugins.normalise("modality", known))
    if len(rows) * modality.width > _MOST_VALUES:
        raise DataError(f"{path}: {len(rows):,} records of {modality.width:,} values are too many", "Give a limit.")
    pixels = _checked(modality.encode(records), len(records), modality.width, registered)[rows]
    spec = DataSpec((modality.width,), bounded=False, kind="vector", modality=known)
    opened = ImageSet(
        name=path.name.partition(".")[0] or "records",
        spec=spec,
        pixels=pixels,
        labels=None,
        train=torch.from_numpy(np.flatnonzero(train)),
        held_out=torch.from_numpy(np.flatnonzero(~train)),
        license=records.license,
        credit=records.credit,
        config=config,
        label_notes=records.notes,
        names=[str(row) for row in rows],
    )
    return _labelled(opened, modality, records, rows)


def _check_options(config: DataConfig, path: Path) -> None:
    if config.stream:
        raise ConfigError(f"{path} is not streamed: its records are read at once", "Leave `stream` out.")
    if config.labels not in ("auto", "off") and not config.labels.startswith(COLUMN):
        raise ConfigError(
            f"labels {config.labels} are for images, and {path.name} has columns", "Say off, or column:NAME."
        )


def _checked(samples: Any, count: int, width: int, registered: RegisteredComponent) -> Tensor:
    if not isinstance(samples, Tensor) or samples.dtype != torch.float32 or tuple(samples.shape) != (count, width):
        raise PluginError(f"modality {registered.id} gave no float32 samples of shape {[count, width]}")
    if not torch.isfinite(samples).all():
        raise PluginError(f"modality {registered.id} gave samples that are not finite")
    return samples


def _labelled(opened: ImageSet, modality: Modality, records: Records, rows: Sequence[int]) -> ImageSet:
    """The same set with the classes of the column that its config names, if it names one."""
    asked = opened.config.labels
    if not asked.startswith(COLUMN):
        return opened
    numbers, names = modality.labels(records, asked.removeprefix(COLUMN))
    labels = torch.from_numpy(numbers)[rows]
    return replace(opened, labels=labels, class_names=names_of_labels(labels, names, opened.name))
