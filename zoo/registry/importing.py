"""Bring a pretrained autoencoder of another library: its structure and weights become a release."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from zoo import plugins
from zoo._utils.files import sha256_of_file
from zoo._utils.hash_cache import cache_folder
from zoo._utils.seeds import stream
from zoo._utils.tensors import pack
from zoo.errors import ConfigError, PluginError, ReleaseError
from zoo.networks.compose import compose_parts
from zoo.networks.types import AutoencoderParts
from zoo.networks.vectors import record_vectors
from zoo.registry.replay import VECTORS
from zoo.release.card import card
from zoo.release.folder import read_manifest, verify_files, write_release
from zoo.release.licences import check_terms
from zoo.release.manifest import MANIFEST, Manifest
from zoo.release.names import spdx_of
from zoo.release.parts import pack_parts, pin_others
from zoo.remote.address import parse_address
from zoo.remote.repository import fetch_repository
from zoo.types import DataSpec, PartSpec, WeightsOrigin

__all__ = ["import_autoencoder", "pull_autoencoder"]

_VECTORS = 4


def import_autoencoder(
    source: str,
    out: str | Path,
    *,
    license: str = "",
    name: str = "",
    version: str = "1.0.0",
    shape: tuple[int, ...] | None = None,
) -> Manifest:
    """Write the pretrained autoencoder `COMPONENT:LOCATION` as a release folder; return its manifest.

    `COMPONENT` is a component of the kind `autoencoder`, such as `diffusers`; `LOCATION` a folder, or a repository of
    the Hub, `org/name[@revision]`, of which `:subfolder` may follow. The manifest pins the commit and every file that
    weights were read from. `license` is that of the repository's card unless given; `shape` the images' shape if it is
    not to be the component's own choice. Raises UnknownName, ConfigError, ReleaseError, RemoteError, PluginError if the
    component fails, or IntegrityError for weights that are not finite; then nothing is written.
    """
    component, colon, location = source.partition(":")
    if not colon or not location:
        raise ConfigError(
            f"{source!r} does not say what reads it", "Write COMPONENT:LOCATION; zoo components autoencoder lists them."
        )
    registered = plugins.find_component("autoencoder", component)
    folder, origin, stated = _locate(location)
    if license and stated:
        check_terms(license, {f"the card of {location}": spdx_of(stated)})
    license = license or _stated_license(stated, location)
    name = name or _default_name(component, location)
    return _write(_read(registered.id, folder, shape), folder, origin, Path(out), license, name, version)


def pull_autoencoder(name: str) -> tuple[Path, Manifest]:
    """The pretrained autoencoder of a repository that is no release, `hub:org/name[@revision][:subfolder]`, as a
    release in the user's cache: read by the first installed component of the kind `autoencoder` that can. Raises
    ReleaseError if none can, with the reason of each, and like `import_autoencoder`."""
    location = name.removeprefix("hub:")
    folder, origin, stated = _locate(location)
    subfolder = location.partition(":")[2].replace("/", "--")
    kept = (
        cache_folder()
        / "imported"
        / "--".join([*origin.repository.split("/"), *filter(None, [subfolder]), origin.commit])
    )
    if (kept / MANIFEST).exists():
        manifest = read_manifest(kept)
        verify_files(kept, manifest)
        return kept, manifest
    license = _stated_license(stated, location)
    reasons = []
    for registered in plugins.components("autoencoder"):
        try:
            parts = _read(registered.id, folder, None)
        except (ConfigError, PluginError) as error:
            reasons.append(f"{registered.id}: {error.message}")
            continue
        release = _default_name(registered.component.name, location)
        return kept, _write(parts, folder, origin, kept, license, release, "1.0.0")
    why = "; ".join(reasons) or "no plugin reads any"
    raise ReleaseError(
        f"{name} is neither a release nor an autoencoder that a plugin reads: {why}",
        "zoo components autoencoder lists what is read.",
    )


def _read(component: str, folder: Path, shape: tuple[int, ...] | None) -> AutoencoderParts:
    parts = plugins.build("autoencoder", PartSpec(component), folder, shape)
    if not isinstance(parts, AutoencoderParts):
        raise PluginError(f"autoencoder {component} gave a {type(parts).__name__}, not AutoencoderParts")
    return parts


def _write(
    parts: AutoencoderParts,
    folder: Path,
    origin: WeightsOrigin,
    out: Path,
    license: str,
    name: str,
    version: str,
) -> Manifest:
    """The release of the autoencoder that was read from `folder`."""
    model = compose_parts(parts, f"autoencoder {name}")
    origins = tuple(
        replace(origin, file=path.name, sha256=sha256_of_file(path), license=license)
        for path in sorted(folder.glob("*.safetensors"))
    )
    files: dict[str, bytes] = {}
    entries = pack_parts(model, files)
    files[VECTORS] = pack(record_vectors(model, None, _pictures(parts.data), None), {})
    manifest = Manifest(
        name=name,
        version=version,
        license=license,
        data=parts.data,
        code_shape=parts.code_shape,
        parts=entries,
        files=pin_others(files, entries.values()),
        pretrained=origins,
    )
    files["README.md"] = card(manifest).encode()
    manifest = replace(manifest, files=pin_others(files, entries.values()))
    write_release(out, manifest, files)
    return manifest


def _locate(location: str) -> tuple[Path, WeightsOrigin, str]:
    """The folder, an origin without its file, and the licence that is stated there."""
    path = Path(location).expanduser()
    if path.is_dir():
        return path, WeightsOrigin("", "", "", "0" * 64), ""
    if location.startswith((".", "/", "~")):
        raise ReleaseError(f"there is no folder {location}", "Give a folder, or org/name for a repository of the Hub.")
    repository, _, subfolder = location.partition(":")
    address = parse_address(repository)
    fetched = fetch_repository(address, subfolder)
    return fetched.folder, WeightsOrigin(address.repo, fetched.commit, "", "0" * 64), fetched.license


def _stated_license(stated: str, location: str) -> str:
    """The SPDX expression of what a card states; ReleaseError if there is none."""
    if not (license := spdx_of(stated)):
        raise ReleaseError(
            f"{location} states no licence that zoo knows{f' ({stated})' if stated else ''}",
            f"Give it: zoo import COMPONENT:{location} --license MIT -o FOLDER",
        )
    return license


def _pictures(data: DataSpec) -> Tensor:
    """Inputs of the test vectors: noise with the slow changes of a picture, (4, *data.shape) in the value range."""
    noise = torch.rand(_VECTORS, *data.shape, generator=stream(0, "vectors"))
    if data.is_spatial:
        coarse = torch.nn.functional.avg_pool2d(noise, 4, ceil_mode=True)
        size = (data.shape[1], data.shape[2])
        noise = 0.8 * torch.nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=False) + 0.2 * noise
    return data.low + (data.high - data.low) * noise


def _default_name(component: str, location: str) -> str:
    last = location.rstrip("/").rpartition("/")[2].partition("@")[0].partition(":")[0]
    tag = re.sub(r"[^a-z0-9-]+", "-", last.lower()).strip("-")
    return f"{component.partition('/')[2] or component}.{tag or 'autoencoder'}"
