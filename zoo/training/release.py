"""Write a model as a release: weights, test vectors, a picture, a card and the manifest that pins them all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zoo._utils.seeds import stream
from zoo._utils.tensors import pack, unpack
from zoo.data.config import public_source
from zoo.data.grids import grid, png_bytes, row_of_each
from zoo.data.modalities import modality_of
from zoo.data.pixels import to_uint8
from zoo.errors import ReleaseError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.conditioning import draw_conditions
from zoo.networks.gan import CHUNK, GAN
from zoo.networks.vectors import record_vectors
from zoo.registry.index import open_first_stage
from zoo.registry.replay import VECTORS
from zoo.release.card import Rows, card
from zoo.release.first_stage import pack_first_stage
from zoo.release.folder import pin_file, read_pinned, write_release
from zoo.release.licences import check_terms
from zoo.release.manifest import Lineage, LineageSource, Manifest, PartEntry, RecipeEntry, Sampling
from zoo.release.parts import pack_parts, pin_others
from zoo.release.provenance import Provenance
from zoo.training.again import obstacle
from zoo.training.image_sample import ImageSample
from zoo.training.recipe import FurtherSection, Recipe, parse_recipe, write_recipe
from zoo.training.terms import licences_of
from zoo.types import Metric, as_part

__all__ = ["Trained", "write_measured", "write_pair", "write_with_files"]

_VECTORS = 4
_PICTURE = 64
_ROW, _MOST_ROWS = 8, 16


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained model, a sample of its images, its recipe, what was measured and reported, and where it was trained."""

    autoencoder: Autoencoder | None
    gan: GAN | None
    sample: ImageSample
    recipe: Recipe
    shown: int
    report: Sequence[Mapping[str, Any]]
    metrics: Sequence[Metric]
    provenance: Provenance | None = None


def write_pair(
    trained: Trained, folder: str | Path, *, license: str, name: str | None = None, version: str = "0.1.0"
) -> Manifest:
    """Write what was trained as a release folder: the autoencoder, the GAN, or both. Returns its manifest.

    `license` is an SPDX expression and has no default; it must keep the terms of what the run was made from. `name` is
    `arch.tag`; by default made from the generator's plugin and the data's name. An autoencoder of other samples or
    codes than the GAN's (its layers were adapted to the GAN's) is left out: a release has one shape. Raises
    ReleaseError or StorageError, with nothing half-written."""
    check_terms(license, licences_of(trained.recipe, trained.sample))
    trained = replace(trained, autoencoder=_matching_autoencoder(trained))
    files: dict[str, bytes] = {}
    parts: dict[str, PartEntry] = {}
    for model in (trained.autoencoder, trained.gan):
        parts |= pack_parts(model, files) if model is not None else {}
    first_stage = pack_first_stage(_model(trained).first_stage, files)
    if first_stage is not None and first_stage.pinned is not None:
        open_first_stage(first_stage.pinned, "the first stage")  # others could not decode the codes without it
    files[VECTORS] = pack(_vectors(trained), {})
    files["recipe.toml"] = write_recipe(trained.recipe.public())
    picture = _picture(trained)
    if picture is not None:
        files["samples.png"] = picture
    manifest = Manifest(
        name=name or _default_name(trained),
        version=version,
        license=license,
        data=trained.sample.spec,
        code_shape=_model(trained).code_shape,
        parts=parts,
        sampling=Sampling(ema=True, chunk=CHUNK) if trained.gan is not None else None,
        lineage=_lineage(trained),
        recipe=RecipeEntry("recipe.toml", pin_file(files["recipe.toml"]).sha256),
        files=pin_others(files, (*parts.values(), *(first_stage.parts.values() if first_stage is not None else ()))),
        metrics=tuple(trained.metrics),
        credits=(trained.sample.credit,) if trained.sample.credit else (),
        pretrained=trained.recipe.pretrained,
        first_stage=first_stage,
        provenance=trained.provenance,
    )
    files["README.md"] = _card(manifest, trained.recipe, files)
    manifest = replace(manifest, files=pin_others(files, manifest.all_parts))
    write_release(Path(folder), manifest, files)
    return manifest


def write_measured(
    folder: Path, manifest: Manifest, out: str | Path, *, version: str, metrics: Sequence[Metric]
) -> Manifest:
    """Write the release in `folder` into `out` as another version with these figures, in place of those of the same
    name, data, split and features. Nothing else changes but its card, and private paths in its recipe, which are
    shortened. Raises ReleaseError, IntegrityError, ConfigError or StorageError.
    """

    def key(metric: Metric) -> tuple[str, ...]:
        return metric.name, metric.data, metric.split, metric.extractor

    new = {key(metric) for metric in metrics}
    kept = tuple(metric for metric in manifest.metrics if key(metric) not in new)
    return _write_version(folder, replace(manifest, metrics=(*kept, *metrics)), out, version, {})


def write_with_files(
    folder: Path, manifest: Manifest, out: str | Path, *, version: str, files: Mapping[str, bytes]
) -> Manifest:
    """Write the release in `folder` into `out` as another version with further files, in place of those of the same
    names. Raises ReleaseError, also for the name of a part, IntegrityError, ConfigError or StorageError."""
    if taken := {part.file for part in manifest.all_parts} & set(files):
        raise ReleaseError(f"{taken.pop()} holds a network of the release")
    return _write_version(folder, manifest, out, version, files)


def _write_version(
    folder: Path, manifest: Manifest, out: str | Path, version: str, further: Mapping[str, bytes]
) -> Manifest:
    if version == manifest.version:
        raise ReleaseError(
            f"{manifest.name} {version} exists, and versions are immutable", "Give a higher version with --version."
        )
    files = {name: read_pinned(folder, name, pin) for name, pin in manifest.pinned.items()} | dict(further)
    manifest = replace(manifest, version=version, files=pin_others(files, manifest.all_parts))
    changed = _with_public_recipe(manifest, files)
    changed = replace(changed, files=pin_others(files, changed.all_parts))
    write_release(Path(out), changed, files)
    return changed


def _with_public_recipe(manifest: Manifest, files: dict[str, bytes]) -> Manifest:
    """The manifest, with the recipe and the card among `files` as a release publishes them: earlier versions of zoo
    left private paths in a recipe."""
    if manifest.recipe is None:
        files["README.md"] = card(manifest, rows=_rows(manifest, files)).encode()
        return manifest
    name = manifest.recipe.file
    recipe = parse_recipe(files[name], name)
    if recipe.public() != recipe:
        files[name] = write_recipe(recipe.public())
        entry = RecipeEntry(name, pin_file(files[name]).sha256)
        manifest = replace(manifest, recipe=entry, files=pin_others(files, manifest.all_parts))
    files["README.md"] = _card(manifest, recipe, files)
    return manifest


def _card(manifest: Manifest, recipe: Recipe, files: Mapping[str, bytes]) -> bytes:
    """The card, with what the recipe says of how the release was made."""
    before = recipe.transfer.trained_by if recipe.transfer is not None else None
    whence = "an autoencoder that was brought in memory"
    if recipe.autoencoder is not None:
        whence = "the autoencoder trained in the same run"
    elif before is not None:
        source = public_source(before.data.source)
        whence = f"an autoencoder that was trained before it ({before.training.images:,} images of {source})"
    return card(manifest, obstacle=obstacle(recipe), autoencoder=whence, rows=_rows(manifest, files)).encode()


def _matching_autoencoder(trained: Trained) -> Autoencoder | None:
    """The autoencoder, if it has the GAN's samples and codes."""
    autoencoder, gan = trained.autoencoder, trained.gan
    if autoencoder is None or gan is None:
        return autoencoder
    matches = autoencoder.data.same_values(gan.data) and autoencoder.code_shape == gan.code_shape
    if autoencoder.condition is not None and not autoencoder.condition.same_names(gan.condition):
        return None
    return autoencoder if matches else None


def _vectors(trained: Trained) -> dict[str, torch.Tensor]:
    """Recorded on real held-out samples and on codes of a fixed seed; of a modality on samples of the model, as a
    table's row may be about a person."""
    z = torch.randn(_VECTORS, *_model(trained).code_shape, generator=stream(0, "vectors"))
    x = trained.sample.batch(_VECTORS) if trained.sample.spec.modality is None else _drawn(trained, _VECTORS)
    if trained.gan is not None:
        condition = trained.gan.conditions(_VECTORS)
    else:
        of = _model(trained).condition
        condition = None if of is None else draw_conditions(of, _VECTORS, stream(0, "condition"))
    return record_vectors(trained.autoencoder, trained.gan, x, z, condition)


def _picture(trained: Trained) -> bytes | None:
    """Samples of the GAN; of an autoencoder alone, held-out images next to their reconstructions."""
    model = _model(trained)
    if not model.output.is_image:
        return None
    if trained.gan is not None:
        classes = trained.gan.condition.classes if trained.gan.condition is not None else ()
        if 1 < len(classes) <= _MOST_ROWS:
            return _row_of_each_class(trained.gan, classes)
        samples = trained.gan.sample(_PICTURE)
    else:
        assert trained.autoencoder is not None
        x, condition = trained.sample.batch(_PICTURE // 2), trained.sample.conditions(_PICTURE // 2)
        reconstructions = trained.autoencoder.reconstruct(x, condition=condition)
        samples = model.to_output(torch.stack([x, reconstructions], 1).flatten(0, 1))
    return png_bytes(grid(to_uint8(samples, model.output), 8))


def _drawn(trained: Trained, count: int) -> torch.Tensor:
    """Samples of the GAN, or what an autoencoder makes of codes N(0, I)."""
    if trained.gan is not None:
        return trained.gan.undecoded(count)
    assert trained.autoencoder is not None
    return trained.autoencoder.decode(torch.randn(count, *trained.autoencoder.code_shape, generator=stream(0, "rows")))


def _rows(manifest: Manifest, files: Mapping[str, bytes]) -> Rows | None:
    """The test vectors' samples of a GAN with a modality, as rows of texts."""
    if manifest.output.modality is None or "generator" not in manifest.parts:
        return None
    header, rows = modality_of(manifest.output).rows(unpack(files[VECTORS], VECTORS)["drawn_sample"])
    return tuple(header), tuple(map(tuple, rows))


def _row_of_each_class(gan: GAN, classes: Sequence[str]) -> bytes:
    """Eight samples of each class, with its name."""
    labels = [name for name in classes for _ in range(_ROW)]
    samples = gan.sample(len(labels), [(0, index) for _ in classes for index in range(_ROW)], classes=labels)
    return png_bytes(row_of_each(classes, to_uint8(samples, gan.output), _ROW))


def _lineage(trained: Trained) -> Lineage | None:
    transfer = trained.recipe.transfer
    if transfer is None or transfer.sha256 is None:
        return None
    strategy = "+".join(part.component for part in transfer.strategies)  # the recipe has their settings
    rows = tuple({**row, "shape": "x".join(map(str, row["shape"]))} for row in trained.report)
    return Lineage(
        strategy=strategy,
        images=trained.shown,
        weights=transfer.sha256,
        source=transfer.origin,
        tensors=rows,
        further=tuple(_lineage_source(name, section) for name, section in transfer.further.items()),
    )


def _lineage_source(name: str, section: FurtherSection) -> LineageSource:
    assert section.sha256 is not None, "a run keeps the digest of each of its sources"
    encoder = None if section.encoder is None else as_part(section.encoder)
    return LineageSource(name, section.sha256, section.origin, encoder, section.fetched)


def _default_name(trained: Trained) -> str:
    role = "generator" if trained.gan is not None else "decoder"
    arch = _model(trained).specs[role].component.partition("/")[0]
    tag = re.sub(r"[^a-z0-9-]+", "-", Path(trained.sample.name).stem.rpartition("/")[2].lower()).strip("-")
    return f"{arch}.{tag or 'images'}"


def _model(trained: Trained) -> Autoencoder | GAN:
    model = trained.gan or trained.autoencoder
    assert model is not None, "a run trains an autoencoder or a GAN"
    return model
