"""`zoo.load(...)`: load a release's networks strictly, with every byte checked and without a network.

The bytes that are hashed are the bytes that are used. Networks are built on the meta device; the name, shape and type
of every tensor are compared before the values are assigned. Nothing in a release is executed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from zoo._utils import html
from zoo._utils.hash_cache import HashCache, hash_cache
from zoo._utils.tensors import unpack
from zoo.errors import IntegrityError, ReleaseError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.networks.compose import build_autoencoder, build_gan
from zoo.networks.gan import GAN as Gan
from zoo.networks.limits import compare_tensors, no_larger_than
from zoo.networks.pretrained import remember_origins, values_follow
from zoo.networks.resizing import resized
from zoo.networks.utils import SkipInit, check_finite
from zoo.registry.index import open_first_stage, open_release
from zoo.registry.parts import current_specs, naming_versions, tell_versions
from zoo.registry.trust import Trust, require_trust, tell_trust, trust_of
from zoo.release.folder import read_manifest_bytes, read_part, read_pinned
from zoo.release.manifest import AUTOENCODER, GAN, Manifest, PartEntry
from zoo.release.names import pin_of
from zoo.release.snapshots import repository_of
from zoo.types import DataSpec, Origin, PartSpec

__all__ = ["LoadedRelease", "load", "load_folder"]

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class LoadedRelease:
    """A loaded release: the autoencoder, the GAN, or both, in eval mode, with manifest and folder."""

    manifest: Manifest
    folder: Path
    autoencoder: Autoencoder | None
    gan: Gan | None

    @property
    def trust(self) -> Trust:
        """What vouches for it: a registry, a commit on the Hub, or its own digests alone."""
        return trust_of(self.folder)

    def _repr_html_(self) -> str:
        m = self.manifest
        rows = [("release", f"{m.name} {m.version}"), ("license", m.license), ("sample", list(m.output.shape))]
        rows += [("trust", str(self.trust))]
        rows += [("code", f"{'x'.join(map(str, m.code_shape))} values")]
        rows += [(role, f"{part.component}, {part.parameters:,} parameters") for role, part in m.parts.items()]
        if m.lineage is not None:
            rows.append(("transfer", m.lineage.strategy))
        pin = m.files.get("samples.png")
        samples = html.picture(read_pinned(self.folder, "samples.png", pin), f"Samples of {m.name}") if pin else ""
        return html.facts_table(rows) + "".join(metric._repr_html_() for metric in m.metrics) + samples


def load(name_or_folder: str | Path) -> LoadedRelease:
    """Load a release by registry name, folder or `hub:org/name[@revision]`.

    If it was made with another version of a plugin, or nothing but its own digests vouches for it, that is said once on
    stderr. Raises UnknownName; ReleaseError if the user's policy (`trust.toml`) does not allow it; ReleaseError or
    PluginError if a component is missing or refuses its settings, with the versions of its plugin and the one to
    install; or IntegrityError, with the file that differs from its pin.
    """
    folder, manifest = open_release(name_or_folder)
    require_trust(folder, str(name_or_folder))
    loaded = load_folder(folder, manifest)
    tell_versions(manifest, str(name_or_folder))
    tell_trust(folder, str(name_or_folder))
    return loaded


def load_folder(folder: Path, manifest: Manifest) -> LoadedRelease:
    """Load a release with a trusted manifest (pinned by a registry, or the user's own). Nothing is told."""
    with hash_cache(folder) as hashes:
        parts = [_select(manifest.parts, roles) for roles in (AUTOENCODER, GAN)]
        sizes = (manifest.data, manifest.code_shape)
        autoencoder = _load(build_autoencoder, folder, manifest.name, parts[0], sizes, hashes)
        gan = _load(build_gan, folder, manifest.name, parts[1], sizes, hashes)
        first_stage = _first_stage(folder, manifest, hashes)
    for model in (autoencoder, gan):
        if model is not None:
            remember_origins(model, manifest.pretrained)
            model.first_stage = first_stage
            model.origin = _origin(folder, manifest)
            model.license = manifest.license
    return LoadedRelease(manifest, folder, autoencoder, gan)


def _first_stage(folder: Path, manifest: Manifest, hashes: HashCache) -> FirstStage | None:
    """The first stage that the manifest describes: contained in the release, or of the release that it pins."""
    entry = manifest.first_stage
    if entry is None:
        return None
    owner = f"the first stage of {manifest.name}"
    sizes = (entry.data, manifest.data.shape)
    autoencoder = _load(build_autoencoder, folder, owner, entry.parts, sizes, hashes)
    if autoencoder is None:
        assert entry.pinned is not None, "a manifest has the parts or the source of a first stage"
        autoencoder = _pinned_first_stage(entry.pinned, entry.data, owner)
    else:
        autoencoder.origin, autoencoder.license = entry.source, entry.license
    stage = FirstStage(autoencoder, entry.images, manifest.data.scaling)
    if stage.sha256 != entry.weights or not stage.codes.same_values(manifest.data):
        raise IntegrityError(f"{owner} is not the one that it was trained with", "Get the release again.")
    return stage


def _pinned_first_stage(origin: Origin, images: DataSpec, owner: str) -> Autoencoder:
    folder, manifest = open_first_stage(origin, owner)
    loaded = load_folder(folder, manifest).autoencoder
    if loaded is None:
        raise IntegrityError(f"{owner}, {origin.name}, holds no autoencoder")
    return resized(loaded, images.shape[1], images.shape[2])


def _origin(folder: Path, manifest: Manifest) -> Origin:
    pin = pin_of(read_manifest_bytes(folder))
    return Origin(manifest.name, manifest.version, pin, repository_of(folder))


def _select(parts: Mapping[str, PartEntry], roles: Iterable[str]) -> dict[str, PartEntry]:
    return {role: parts[role] for role in roles if role in parts}


def _load(
    build: Callable[..., Model],
    folder: Path,
    owner: str,
    parts: Mapping[str, PartEntry],
    sizes: tuple[DataSpec, tuple[int, ...]],
    hashes: HashCache,
) -> Model | None:
    """A model of `parts`, for samples and codes of those `sizes`, with its weights, in eval mode; None without
    parts."""
    if not parts:
        return None
    tensors = {role: unpack(read_part(folder, part, hashes), str(folder / part.file)) for role, part in parts.items()}
    specs = current_specs(owner, parts)
    model = _build(build, folder, owner, parts, specs, sizes, tensors)
    for role, part in parts.items():
        with naming_versions(owner, [part]):
            _fill(model.get_submodule(role), tensors[role], str(folder / part.file))
    return model.eval()


def _build(
    build: Callable[..., Model],
    folder: Path,
    owner: str,
    parts: Mapping[str, PartEntry],
    specs: Mapping[str, PartSpec],
    sizes: tuple[DataSpec, tuple[int, ...]],
    tensors: Mapping[str, Mapping[str, Tensor]],
) -> Model:
    """The networks on the meta device, with the tensors that the files have; on the CPU if not every one of their
    tensors would get a value from the state dict."""
    with naming_versions(owner, parts.values()), values_follow():
        with no_larger_than(tensors, owner), SkipInit():
            model = build(specs, *sizes, device="meta", shapes=False)
        for role, part in parts.items():
            compare_tensors(model.get_submodule(role), tensors[role], str(folder / part.file))
        return model if _assignable(model) else build(specs, *sizes)


def _assignable(model: nn.Module) -> bool:
    """Whether every tensor of the model is in its state dict: on meta, other buffers would get no value."""
    return len(model.state_dict()) == sum(1 for _ in model.named_parameters()) + sum(1 for _ in model.named_buffers())


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], what: str) -> None:
    """Assign the tensors of the file `what`. Raises IntegrityError or ReleaseError."""
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    check_finite(module, what)
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.device == torch.device("meta"):
            raise ReleaseError(f"{what}: {name} got no value", "The component cannot be loaded; tell its author.")
