"""A set of images as the codes of a first stage: each image is encoded once, and what was encoded is kept."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from dataclasses import replace

import torch
from torch import Tensor

from zoo.config import to_plain
from zoo.data.images import ImageSet, Skipped
from zoo.data.values import fit_scaling
from zoo.encoding.store import CodeStore
from zoo.errors import ConfigError, DataError
from zoo.networks.autoencoder import Autoencoder, FirstStage
from zoo.types import Event, Watcher

__all__ = ["StreamedCodes", "codes_of", "encode_images", "samples_of"]

_CHUNK = 64
_IN_MEMORY = 2**29
_LARGEST = 65_504.0
"""The largest number that float16 holds."""


def encode_images(
    images: ImageSet, first_stage: FirstStage, watch: Watcher | None = None
) -> tuple[ImageSet, FirstStage]:
    """The codes of images, and the first stage with the codes' scaling: its own, or else fitted to the training rows.

    If the first stage says `flip`, mirrored copies of the training images follow, as images of their own. Codes are
    float16 in the user's cache, by the digests of images and weights; what is there is not encoded again, and sets over
    half a gigabyte are read from there while they are used. `watch` gets events of the kind `encoding`.
    Raises ConfigError for other images, DataError for codes that are not finite, StorageError, IntegrityError.
    """
    if not images.spec.same_values(first_stage.images):
        raise ConfigError(
            f"{images.name} is prepared as {images.spec}, the first stage takes {first_stage.images}",
            "Open the images with like=first_stage.images.",
        )
    rows = torch.arange(len(images))
    flipped = images.train if first_stage.flip else rows[:0]
    autoencoder = first_stage.autoencoder
    origin = autoencoder.origin
    store = CodeStore(
        _key(images, first_stage),
        images.name,
        f"{origin.name} {origin.version}" if origin is not None else "an autoencoder without a release",
        len(rows) + len(flipped),
        autoencoder.code_shape,
    )
    with store.locked():
        _fill(store, images, first_stage, torch.cat([rows, flipped]), watch)
    labels = images.labels
    encoded = replace(
        images,
        spec=replace(first_stage.codes, condition=images.spec.condition),
        pixels=_stored(store),
        labels=None if labels is None else torch.cat([labels, labels[flipped]]),
        train=torch.cat([images.train, len(rows) + torch.arange(len(flipped))]),
        names=(),
        unusable=images.skipped,
        greyed=False,
        rounded=False,
    )
    labelled = first_stage.labelled(images.spec.condition)
    if first_stage.scaling is not None:
        return encoded, labelled
    raw = encoded.pixels[encoded.to_fit()]
    scaling = fit_scaling(raw.to(torch.float32).numpy())
    return replace(encoded, spec=replace(encoded.spec, scaling=scaling)), labelled.scaled(scaling)


def samples_of(images: ImageSet, first_stage: FirstStage | None, watch: Watcher | None = None) -> ImageSet:
    """What a model with that first stage learns: the images, or their codes in it. Raises like `encode_images`."""
    return images if first_stage is None else encode_images(images, first_stage, watch)[0]


def codes_of(autoencoder: Autoencoder, images: ImageSet) -> Tensor:
    """The mean codes (N, *code_shape) of all images, which are like the autoencoder's `output`."""
    parts = torch.arange(len(images)).split(_CHUNK)
    return torch.cat([autoencoder.encode(autoencoder.from_output(images.batch(part))) for part in parts])


class StreamedCodes:
    """Codes float16 `(N, c, h, w)`, read from the cache row by row; `rows` are those of the store."""

    def __init__(self, store: CodeStore, rows: Tensor) -> None:
        self.store = store
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Those rows, float16. Raises IntegrityError if they cannot be read."""
        wanted = self.rows[rows.cpu()]
        out = torch.empty((len(wanted), *self.store.facts.shape), dtype=torch.float16)
        for i, row in enumerate(wanted.tolist()):
            out[i] = self.store.read(row, row + 1)[0]
        return out

    def prefetch(self, rows: Tensor) -> None:
        """Nothing is read ahead: a code takes about 0.1 ms."""

    def take(self, rows: Tensor) -> StreamedCodes:
        """Those rows alone, in that order."""
        return StreamedCodes(self.store, self.rows[rows.cpu()])

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """None: what could not be read was not encoded."""
        return ()

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the rows and of the files' digests."""
        digest = hashlib.sha256(repr((self.store.facts.shape, self.store.facts.files)).encode())
        digest.update(self.rows.numpy().tobytes())
        return digest.hexdigest()


def _fill(store: CodeStore, images: ImageSet, first_stage: FirstStage, rows: Tensor, watch: Watcher | None) -> None:
    """Encode the rows that the store lacks; from `len(images)` on they are mirrored."""
    done = store.resume()
    start, first = time.monotonic(), done
    plain = first_stage.scaled(None)

    def tell(at: int) -> None:
        seconds = time.monotonic() - start
        left = seconds / max(at - first, 1) * (len(rows) - at)
        if watch is not None:
            watch(Event("encoding", at, len(rows), {"seconds_left": round(left, 1)}))

    while done < len(rows):
        codes = []
        end = min(done + store.facts.rows_per_file, len(rows))
        for at in range(done, end, _CHUNK):
            chunk = rows[at : min(at + _CHUNK, end)]
            mirrored = at + torch.arange(len(chunk)) >= len(images)
            x = images.batch(chunk).cpu()
            codes.append(plain.encode(torch.where(mirrored[:, None, None, None], x.flip(-1), x)))
            tell(at + len(chunk))
        raw = torch.cat(codes)
        if not bool(torch.isfinite(raw).all()) or float(raw.abs().max()) > _LARGEST:
            raise DataError(
                f"the first stage gives codes of {images.name} that are not finite, or beyond {_LARGEST:,.0f}",
                "Choose another first stage.",
            )
        store.append(raw)
        done = end


def _stored(store: CodeStore) -> Tensor | StreamedCodes:
    facts = store.facts
    if 2 * facts.rows * torch.Size(facts.shape).numel() > _IN_MEMORY:
        return StreamedCodes(store, torch.arange(facts.rows))
    step = facts.rows_per_file
    return torch.cat([store.read(at, min(at + step, facts.rows)) for at in range(0, facts.rows, step)])


def _key(images: ImageSet, first_stage: FirstStage) -> str:
    facts = {
        "images": images.sha256,
        "count": len(images),
        "train": hashlib.sha256(images.train.numpy().tobytes()).hexdigest() if first_stage.flip else "",
        "spec": to_plain(replace(images.spec, condition=None)),
        "weights": first_stage.sha256,
        "takes": to_plain(first_stage.autoencoder.data),
        "format": 1,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
