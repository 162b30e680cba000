"""`zoo.load(...)`: a release as networks, every byte checked, strictly and without a network.

The bytes that are hashed are the bytes that are used; parts are built on the meta device, every name, shape and type is
compared, then the values are put in place. Nothing of a release is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from zoo._utils import html
from zoo._utils.hash_cache import HashCache, hash_cache
from zoo._utils.tensors import unpack
from zoo.errors import IntegrityError, ReleaseError, UnknownName
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.compose import build_autoencoder, build_gan
from zoo.networks.gan import GAN as Gan
from zoo.networks.utils import SkipInit, check_finite
from zoo.networks.vectors import Difference, compare, record_vectors
from zoo.registry.index import open_release
from zoo.release.folder import read_manifest_bytes, read_part, read_pinned
from zoo.release.manifest import AUTOENCODER, GAN, Manifest
from zoo.release.names import pin_of
from zoo.release.snapshots import repository_of
from zoo.types import Origin

__all__ = ["VECTORS", "LoadedRelease", "Replay", "load", "load_folder", "replay", "replay_vectors"]

VECTORS = "vectors.safetensors"
"""The file of a release that holds its test vectors."""


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A loaded release: the autoencoder, the GAN, or both, in eval mode, with the manifest and the folder."""

    manifest: Manifest
    folder: Path
    autoencoder: Autoencoder | None
    gan: Gan | None

    def _repr_html_(self) -> str:
        m = self.manifest
        rows = [("release", f"{m.name} {m.version}"), ("license", m.license), ("sample", list(m.data.shape))]
        rows += [("code", f"{m.latent_dim} values")]
        rows += [(role, f"{part.component}, {part.parameters:,} parameters") for role, part in m.parts.items()]
        if m.lineage is not None:
            rows.append(("transfer", m.lineage.strategy))
        pin = m.files.get("samples.png")
        seen = html.picture(read_pinned(self.folder, "samples.png", pin), f"Samples of {m.name}") if pin else ""
        figures = "".join(metric._repr_html_() for metric in m.metrics)
        return html.facts(rows) + figures + seen


def load(name_or_folder: str | Path) -> LoadedRelease:
    """Load a release by its registry name or its folder.

    Raises UnknownName, ReleaseError (also when a plugin is missing, saying which to install) or IntegrityError
    naming the file that is not what the manifest pins.
    """
    folder, manifest = open_release(name_or_folder)
    return load_folder(folder, manifest)


def load_folder(folder: Path, manifest: Manifest) -> LoadedRelease:
    """Load a release whose manifest was read and is trusted (pinned by a registry, or the user's own)."""
    with hash_cache(folder) as checked:
        tensors = {role: _read(folder, manifest, role, checked) for role in manifest.parts}
    specs = {role: part.spec for role, part in manifest.parts.items()}
    try:
        autoencoder = gan = None
        if AUTOENCODER[0] in specs:
            chosen = {role: specs[role] for role in AUTOENCODER}
            with SkipInit():
                autoencoder = build_autoencoder(chosen, manifest.data, manifest.latent_dim, device="meta", shapes=False)
            if not _assignable(autoencoder):
                autoencoder = build_autoencoder(chosen, manifest.data, manifest.latent_dim)
        if GAN[0] in specs:
            chosen = {role: specs[role] for role in GAN}
            with SkipInit():
                gan = build_gan(chosen, manifest.data, manifest.latent_dim, device="meta", shapes=False)
            if not _assignable(gan):
                gan = build_gan(chosen, manifest.data, manifest.latent_dim)
    except UnknownName as error:
        raise _missing_plugin(manifest, error) from error
    for model in (autoencoder, gan):
        for role, module in (model.parts if model is not None else {}).items():
            _fill(module, tensors[role], str(folder / manifest.parts[role].file))
            module.eval()
    if autoencoder is not None:
        autoencoder.origin = Origin(
            manifest.name, manifest.version, pin_of(read_manifest_bytes(folder)), repository_of(folder)
        )
    return LoadedRelease(manifest, folder, autoencoder and autoencoder.eval(), gan and gan.eval())


@dataclass(frozen=True, slots=True)
class Replay:
    """The test vectors as they were recorded and as they come out now; what differs, in the order of the modules."""

    differences: list[Difference]
    recorded: Mapping[str, Tensor]
    given: Mapping[str, Tensor]

    def first(self) -> dict[str, Tensor]:
        """The first whole result that differs (of a module's figures, the figures), as `recorded` and `given`."""
        names = [one.name for one in self.differences]
        name = next((name for name in names if "/" not in name), names[0])
        sides = {"recorded": self.recorded.get(name), "given": self.given.get(name)}
        return {f"{side}.{name}": tensor for side, tensor in sides.items() if tensor is not None}


def replay(folder: Path, manifest: Manifest) -> list[Difference]:
    """Run the release's test vectors again; what differs beyond its tolerances, in the order in which modules run."""
    return replay_vectors(folder, manifest).differences


def replay_vectors(folder: Path, manifest: Manifest) -> Replay:
    """`replay`, with the tensors of both sides. Raises ReleaseError or IntegrityError where vectors are missing."""
    pair = load_folder(folder, manifest)
    pin = manifest.files.get(VECTORS)
    if pin is None:
        raise ReleaseError(f"{manifest.name} has no test vectors", f"Its publisher left out {VECTORS}.")
    recorded = unpack(read_pinned(folder, VECTORS, pin), str(folder / VECTORS))
    if "x" not in recorded or (pair.gan is not None and "z" not in recorded):
        raise IntegrityError(f"{folder / VECTORS} lacks the inputs x or z", "The release is incomplete.")
    given = record_vectors(pair.autoencoder, pair.gan, recorded["x"], recorded.get("z"))
    tolerances = manifest.tolerances
    limits = {"rtol": tolerances.rtol, "atol": tolerances.atol}
    differences = compare(recorded, given, per_million=tolerances.mismatched_per_million, **limits)
    return Replay(differences, recorded, given)


def _read(folder: Path, manifest: Manifest, role: str, checked: HashCache) -> dict[str, Tensor]:
    part = manifest.parts[role]
    return unpack(read_part(folder, part, checked), str(folder / part.file))


def _assignable(model: nn.Module) -> bool:
    """Whether every tensor of the model is in its state dict: other buffers would stay without a value on meta."""
    return len(model.state_dict()) == sum(1 for _ in model.named_parameters()) + sum(1 for _ in model.named_buffers())


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    expected = module.state_dict()
    missing, extra = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing or extra:
        raise IntegrityError(
            f"{what} lacks the tensor {missing[0]!r}" if missing else f"{what} holds a tensor {extra[0]!r} too many",
            "The release does not fit this version of its plugin.",
        )
    for name, tensor in expected.items():
        given = tensors[name]
        if (given.shape, given.dtype) != (tensor.shape, tensor.dtype):
            raise IntegrityError(
                f"{what}: {name} is {given.dtype} {list(given.shape)}, expected {tensor.dtype} {list(tensor.shape)}"
            )
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    check_finite(module, what)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.device == torch.device("meta"):
            raise ReleaseError(f"{what}: {name} got no value", "The component cannot be loaded; tell its author.")


def _missing_plugin(manifest: Manifest, error: UnknownName) -> ReleaseError:
    needed = sorted({part.plugin for part in manifest.parts.values() if part.component in error.message})
    install = " ".join(name.replace("aegan-zoo==", "aegan-zoo>=") for name in needed)
    return ReleaseError(
        f"{manifest.name} needs a component that is not installed: {error.message}",
        f"pip install '{install}'" if install else error.hint,
    )
