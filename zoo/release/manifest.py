"""The manifest of a release, `zoo.json`, format 2, and its checks.

A manifest has the size and SHA-256 of every file of its folder, so that pinning zoo.json pins the release. Its own
`sha256` covers the rest of the manifest, so that a flipped bit is detected even without a pin. Unknown keys and other
formats are refused. No I/O here, and no torch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from zoo._utils.files import sha256_of
from zoo._utils.strict_json import dump_json, parse_json
from zoo.config import from_plain
from zoo.errors import IntegrityError, ReleaseError, near
from zoo.release.names import (
    check_digest,
    check_file_name,
    check_hub_source,
    check_license,
    check_name,
    check_pin,
    check_plugin,
    check_version,
)
from zoo.release.provenance import Provenance
from zoo.types import DataSpec, Metric, Origin, PartSpec, WeightsOrigin, as_code_shape

__all__ = [
    "AUTOENCODER",
    "FORMAT",
    "GAN",
    "MANIFEST",
    "ROLES",
    "FileEntry",
    "FirstStageEntry",
    "Lineage",
    "LineageSource",
    "Manifest",
    "PartEntry",
    "RecipeEntry",
    "Sampling",
    "Tolerances",
    "manifest_bytes",
    "parse_manifest",
]

Scalar = str | int | float | bool

FORMAT = 2
MANIFEST = "zoo.json"
AUTOENCODER = ("encoder", "bottleneck", "decoder")
GAN = ("generator", "discriminator", "prior")
ROLES = AUTOENCODER + GAN

_LARGEST = 1_000_000
_DIGEST_KEY = "sha256"
"""The key of the manifest's own digest, which also protects releases that no registry pins."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A pinned file: the SHA-256 of its bytes (hex), and its size in bytes."""

    sha256: str
    size: int

    def __post_init__(self) -> None:
        check_digest(self.sha256)
        if self.size < 0:
            raise ReleaseError(f"size {self.size} is negative")


@dataclass(frozen=True, slots=True)
class PartEntry:
    """One network of a release: the component that builds it, and the file with its weights.

    `component` is the full id `<plugin>/<name>`; `plugin` its distribution, `name==version`; `config` its settings as
    plain data; `parameters` the number of trainable values. In zoo.json the role is the key of the table and not
    repeated inside.
    """

    role: str
    component: str
    plugin: str
    config: dict[str, Any]
    file: str
    sha256: str
    size: int
    parameters: int

    def __post_init__(self) -> None:
        try:
            check_plugin(self.plugin)
            check_file_name(self.file)
            FileEntry(self.sha256, self.size)
        except ReleaseError as error:
            raise ReleaseError(f"parts.{self.role}: {error.message}", error.hint) from None
        if self.role not in ROLES:
            raise ReleaseError(f"parts: role {self.role!r} is unknown", near(self.role, ROLES))
        if not self.file.endswith(".safetensors"):
            raise ReleaseError(f"parts.{self.role}: file {self.file!r} is not a .safetensors file")
        if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._/-]+", self.component):
            problem = f"parts.{self.role}: component {self.component[:80]!r} is not a full id"
            raise ReleaseError(problem, "Write <plugin>/<name>, for example dcgan/dcgan.")
        if self.parameters < 0:
            raise ReleaseError(f"parts.{self.role}: parameters {self.parameters} is negative")

    @property
    def pin(self) -> FileEntry:
        """The file's digest and size."""
        return FileEntry(self.sha256, self.size)

    @property
    def spec(self) -> PartSpec:
        """The component with its settings, for composing."""
        return PartSpec(self.component, self.config)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample: with `chunk` codes per forward pass, in `eval` mode; `ema`: the generator's weights are an EMA."""

    ema: bool = True
    chunk: int = 64
    eval: bool = True

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ReleaseError(f"sampling.chunk {self.chunk} is not a positive number")


@dataclass(frozen=True, slots=True)
class LineageSource:
    """A further source of a transfer: its name, the SHA-256 of its weights, and their release, or None. `encoder` is
    the component of an encoder that was composed alone, None for an autoencoder; `fetched` says where its pretrained
    weights come from."""

    name: str
    weights: str
    source: Origin | None = None
    encoder: PartSpec | None = None
    fetched: tuple[WeightsOrigin, ...] = ()

    def __post_init__(self) -> None:
        _check_source(f"lineage.further.{self.name[:80]}", self.weights, self.source)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The transfer that a GAN comes from: the strategy, the images shown since, and the autoencoder.

    `weights` is the SHA-256 of the autoencoder's weights; `source` is the release that it came from, or None. `tensors`
    is the transfer's report as rows of plain values, one per tensor of the final networks. `further` are the further
    sources.
    """

    strategy: str
    images: int
    weights: str
    source: Origin | None = None
    tensors: tuple[dict[str, Scalar], ...] = ()
    further: tuple[LineageSource, ...] = ()

    def __post_init__(self) -> None:
        _check_source("lineage", self.weights, self.source)
        if self.images < 0:
            raise ReleaseError(f"lineage.images {self.images} is negative")

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The releases that it comes from: the autoencoder's, then the further sources'."""
        sources = (self.source, *(one.source for one in self.further))
        return tuple(origin for origin in sources if origin is not None)


def _check_source(what: str, weights: str, source: Origin | None) -> None:
    try:
        check_digest(weights)
        if source is not None:
            check_name(source.name)
            check_version(source.version)
            check_pin(source.manifest)
            check_hub_source(source.source)
    except ReleaseError as error:
        raise ReleaseError(f"{what}: {error.message}", error.hint) from None


@dataclass(frozen=True, slots=True)
class FirstStageEntry:
    """The first stage whose codes a model learnt. `images` are what codes are decoded to, `data` the samples of its
    autoencoder, which has the codes of the manifest's `data`; `weights` is the SHA-256 of its weights, `license` its
    licence. Its networks are `parts` of this release, or else those of the release `source`, at any image size."""

    images: DataSpec
    data: DataSpec
    weights: str
    license: str = ""
    source: Origin | None = None
    parts: dict[str, PartEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_source("first_stage", self.weights, self.source)
        if self.license:
            check_license(self.license)
        if not self.images.is_image or not self.data.is_image or self.images.shape[1:] != self.data.shape[1:]:
            raise ReleaseError("first_stage: its images are not those that its autoencoder takes")
        if self.parts and tuple(sorted(self.parts)) != tuple(sorted(AUTOENCODER)):
            raise ReleaseError(f"first_stage.parts are {', '.join(self.parts)}", f"It has {', '.join(AUTOENCODER)}.")
        if not self.parts and self.source is None:
            raise ReleaseError(
                "first_stage has neither parts nor a source", "Nothing would say what decodes the codes."
            )

    @property
    def pinned(self) -> Origin | None:
        """The release that has its networks; None if they are contained."""
        return None if self.parts else self.source


@dataclass(frozen=True, slots=True)
class RecipeEntry:
    """The file with the recipe that trains the release again; `files` pins it with the same digest."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Tolerances of the test vectors: relative and absolute, and how many values per million may exceed them."""

    rtol: float = 1e-3
    atol: float = 1e-4
    mismatched_per_million: int = 0

    def __post_init__(self) -> None:
        for name in ("rtol", "atol", "mismatched_per_million"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ReleaseError(f"tolerances.{name} {value} is not a number of 0 or more")

    @property
    def capped(self) -> Tolerances:
        """At most 1 %, 0.001 and 1,000 values in a million: with more of them, random weights would pass."""
        return Tolerances(min(self.rtol, 1e-2), min(self.atol, 1e-3), min(self.mismatched_per_million, 1000))

    def __str__(self) -> str:
        few = f", {self.mismatched_per_million} values in a million excepted" if self.mismatched_per_million else ""
        return f"within {self.rtol:g} of the value and {self.atol:g}{few}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a zoo.json. Raises ReleaseError if they are inconsistent.

    `parts` has all networks of the autoencoder, of the GAN, or of both. `sampling` is present if the GAN is. `files`
    pins the other files of the folder, except zoo.json itself. A model of codes has a `first_stage`. `credits` name the
    data's authors; `pretrained` are the files of weights from elsewhere that parts began with or losses used;
    `provenance` says where it was trained, if that is known. Settings, rows and metrics are plain data with finite
    numbers."""

    name: str
    version: str
    license: str
    data: DataSpec
    code_shape: tuple[int, ...]
    parts: dict[str, PartEntry]
    sampling: Sampling | None = None
    lineage: Lineage | None = None
    recipe: RecipeEntry | None = None
    files: dict[str, FileEntry] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    tolerances: Tolerances = field(default_factory=Tolerances)
    credits: tuple[str, ...] = ()
    pretrained: tuple[WeightsOrigin, ...] = ()
    first_stage: FirstStageEntry | None = None
    provenance: Provenance | None = None
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ReleaseError(f"format {self.format} is unknown", f"This Zoo reads format {FORMAT}.")
        check_name(self.name)
        check_version(self.version)
        check_license(self.license)
        as_code_shape(self.code_shape)
        self._check_parts()
        self._check_files()
        for metric in self.metrics:
            _check_metric(metric)
        for origin in self.pretrained:
            _check_origin(origin)

    @property
    def holds(self) -> tuple[str, ...]:
        """`autoencoder`, `gan` or both, as in the key `parts` of a registry."""
        models = (("autoencoder", AUTOENCODER), ("gan", GAN))
        return tuple(name for name, roles in models if roles[0] in self.parts)

    @property
    def distributions(self) -> tuple[str, ...]:
        """The distributions whose components it needs besides zoo's own, without versions."""
        return tuple(sorted({part.plugin.partition("==")[0] for part in self.all_parts} - {"aegan-zoo"}))

    @property
    def all_parts(self) -> tuple[PartEntry, ...]:
        """Every network of the folder, also those of a first stage."""
        return (*self.parts.values(), *(self.first_stage.parts.values() if self.first_stage is not None else ()))

    @property
    def output(self) -> DataSpec:
        """What people look at: the samples, or the images that a first stage decodes them to."""
        return self.data if self.first_stage is None else self.first_stage.images

    @property
    def pinned(self) -> dict[str, FileEntry]:
        """Every file of the folder except zoo.json, by name."""
        return {part.file: part.pin for part in self.all_parts} | self.files

    def _check_parts(self) -> None:
        if not self.parts:
            raise ReleaseError("parts is empty", f"Allowed roles: {', '.join(ROLES)}.")
        for role, part in (*self.parts.items(), *(self.first_stage.parts.items() if self.first_stage else ())):
            if role != part.role:
                raise ReleaseError(f"parts.{role} has the role {part.role!r}")
        if self.first_stage is not None and self.data.kind != "code":
            raise ReleaseError("first_stage is given for samples that are no codes", "Their kind is `code`.")
        for group in (AUTOENCODER, GAN):
            missing = [role for role in group if role not in self.parts]
            if 0 < len(missing) < len(group):
                raise ReleaseError(
                    f"parts lacks {' and '.join(missing)}",
                    f"{', '.join(group)} belong together: none can be used or trained on alone.",
                )
        if (self.sampling is None) != ("generator" not in self.parts):
            state = "missing" if self.sampling is None else "given without a GAN"
            raise ReleaseError(f"sampling is {state}", "A release with a generator says how it is sampled.")

    def _check_files(self) -> None:
        names = [part.file for part in self.all_parts] + list(self.files)
        pinned_names = {MANIFEST}
        for name in names:
            check_file_name(name)
            if name.lower() in pinned_names:
                raise ReleaseError(f"file {name!r} is pinned twice (compared without case)")
            pinned_names.add(name.lower())
        if self.recipe is None:
            return
        pinned = self.files.get(self.recipe.file)
        if pinned is None or pinned.sha256 != self.recipe.sha256:
            raise ReleaseError(f"recipe.file {self.recipe.file[:80]!r} is not in files with the same sha256")


def parse_manifest(data: bytes, what: str) -> Manifest:
    """Parse and check the bytes of a zoo.json. `what` names the file in errors. Raises ReleaseError."""
    plain = parse_json(data, what, largest=_LARGEST, error=ReleaseError)
    if not isinstance(plain, dict):
        raise ReleaseError(f"{what}: expected a table, got {type(plain).__name__}")
    if type(plain.get("format")) is not int or not 1 <= plain["format"] <= FORMAT:
        shown = repr(plain.get("format", "none"))[:40]
        raise ReleaseError(
            f"{what}: format {shown} is unknown; this version of Zoo reads formats 1 to {FORMAT}",
            "Upgrade Zoo if the release is newer: pip install --upgrade aegan-zoo",
        )
    facts = _upgraded({key: plain[key] for key in plain if key != _DIGEST_KEY})
    facts = _with_roles(facts, what)
    if isinstance(facts.get("first_stage"), dict):
        facts["first_stage"] = _with_roles(facts["first_stage"], f"{what}: first_stage")
    manifest = from_plain(Manifest, facts, what, error=ReleaseError)
    if data != _with_digest(plain):
        raise IntegrityError(f"{what} was changed: its own sha256 does not fit", "Get the release again.")
    return manifest


def manifest_bytes(manifest: Manifest) -> bytes:
    """The manifest as the bytes of a zoo.json; equal manifests give equal bytes. Raises ReleaseError."""
    try:
        plain = cast(dict[str, Any], msgspec.to_builtins(manifest))
        plain = {key: value for key, value in plain.items() if value is not None and (value or key != "pretrained")}
        first = plain.get("first_stage", {})
        for spec in (plain["data"], first.get("images", {}), first.get("data", {})):
            if spec.get("modality", "") is None:  # earlier versions of zoo read what has none
                del spec["modality"]
        for parts in (plain["parts"], first.get("parts", {})):
            for part in parts.values():
                del part["role"]
        data = _with_digest(plain)
    except (TypeError, ValueError) as error:
        raise ReleaseError(f"{manifest.name}: its manifest is not plain data: {error}") from None
    parse_manifest(data, f"{manifest.name}'s {MANIFEST}")  # never write a manifest that cannot be read
    return data


def _with_digest(plain: dict[str, Any]) -> bytes:
    """The bytes of a manifest with the SHA-256 of its other keys."""
    facts = {key: value for key, value in plain.items() if key != _DIGEST_KEY}
    return dump_json(facts | {_DIGEST_KEY: sha256_of(dump_json(facts))})


def _upgraded(plain: dict[str, Any]) -> dict[str, Any]:
    """The facts of a manifest of an earlier format as today's: format 1 has `latent_dim`, the values of a flat code."""
    if plain["format"] != 1 or "latent_dim" not in plain:
        return plain
    upgraded = {key: value for key, value in plain.items() if key != "latent_dim"}
    return upgraded | {"format": FORMAT, "code_shape": [plain["latent_dim"]]}


def _with_roles(plain: dict[str, Any], what: str) -> dict[str, Any]:
    """Copy each part's role from its key into the part, as `PartEntry` has it as a field."""
    parts = plain.get("parts")
    if not isinstance(parts, dict):
        return plain
    filled: dict[str, Any] = {}
    for role, part in parts.items():
        if role not in ROLES:
            raise ReleaseError(f"{what}: parts: role {role[:80]!r} is unknown", f"Allowed: {', '.join(ROLES)}.")
        if isinstance(part, dict) and "role" in part:
            raise ReleaseError(f"{what}: parts.{role} has no key 'role'", "The role is the key of the table.")
        filled[role] = {"role": role, **part} if isinstance(part, dict) else part
    return {**plain, "parts": filled}


def _check_origin(origin: WeightsOrigin) -> None:
    try:
        if origin.repository:
            check_hub_source(f"hub:{origin.repository}@{origin.commit}")
        if origin.license:
            check_license(origin.license)
    except ReleaseError as error:
        raise ReleaseError(f"pretrained: {error.message}", error.hint) from None


def _check_metric(metric: Metric) -> None:
    figures = [metric.value, metric.floor or 0.0, *(metric.interval or ())]
    if not all(math.isfinite(figure) for figure in figures):
        raise ReleaseError(f"metrics: {metric.name[:80]!r} is not a finite number")
    if metric.n < 1 or metric.reference < 1:
        raise ReleaseError(f"metrics: {metric.name[:80]!r} needs positive counts n and reference")
