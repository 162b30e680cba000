"""The networks of a model as files of a release, with their entries in the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn

from zoo import plugins
from zoo._utils.tensors import pack
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.utils import check_finite
from zoo.release.folder import pin_file
from zoo.release.manifest import MANIFEST, FileEntry, PartEntry
from zoo.types import PartSpec

__all__ = ["pack_parts", "pin_others"]


def pack_parts(model: Autoencoder | GAN, files: dict[str, bytes], prefix: str = "") -> dict[str, PartEntry]:
    """The entries of a model's networks by role; their weights are added to `files`, whose names begin with `prefix`.
    Raises IntegrityError for weights that are not finite."""
    return {role: _pack(role, module, model.specs[role], files, prefix) for role, module in model.parts.items()}


def pin_others(files: Mapping[str, bytes], parts: Iterable[PartEntry]) -> dict[str, FileEntry]:
    """Every file that no part names; the card does not pin itself before it is written."""
    own = {part.file for part in parts} | {MANIFEST}
    return {name: pin_file(data) for name, data in files.items() if name not in own}


def _pack(role: str, module: nn.Module, spec: PartSpec, files: dict[str, bytes], prefix: str) -> PartEntry:
    check_finite(module, role)
    kind = {"decoder": "generator"}.get(role, role)
    if role == "discriminator":
        kind = plugins.discriminator_kind(spec.component)
    file = f"{prefix}{role}.safetensors"
    files[file] = pack(module.state_dict(), {"role": role, "component": spec.component})
    pin = pin_file(files[file])
    return PartEntry(
        role=role,
        component=spec.component,
        plugin=plugins.find_component(kind, spec.component).plugin.recorded,
        config=dict(spec.config),
        file=file,
        sha256=pin.sha256,
        size=pin.size,
        parameters=sum(weight.numel() for weight in module.parameters()),
    )
