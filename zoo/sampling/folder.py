"""Samples as a folder of images with a table of what is known of each; a stopped one goes on."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from zoo._utils.files import locked, read_regular, remove_partial, write_atomically
from zoo._utils.strict_json import dump_json, parse_json
from zoo.config import from_plain, to_plain
from zoo.data.images import ImageSet
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError, DataError, StorageError
from zoo.metrics.types import FeatureSpace
from zoo.networks.gan import CHUNK
from zoo.networks.utils import digest
from zoo.sampling.nearest import TrainingImages
from zoo.sampling.rejection import (
    REJECTIONS,
    ByDistance,
    ByScore,
    calibrate_distance,
    calibrate_score,
    scores,
    uniforms,
)
from zoo.sampling.series import Samples, SampleSeries

__all__ = ["FILES", "TABLE", "Folder", "write_samples"]

TABLE = "metadata.csv"
FILES = ("png", "npz")
_FACTS = "samples.json"
_PROGRESS = ".progress.json"
_PART = 1024
"""How many samples are drawn between two points from which a stopped folder goes on."""
_WRITERS = 1
_LARGEST = 2**26
_FORMAT = 1
_SAFE = re.compile(r"[\w+-][\w .+-]{0,99}")


@dataclass(frozen=True)
class Settings:
    """What fixes the samples of a folder, but for their number. `release` is name and version, `manifest` its digest;
    `images` the digest of the training images, `features` that of the feature space."""

    release: str
    manifest: str
    seed: int
    truncation: float
    reject: str
    files: str
    classes: str | None = None
    images: str = ""
    features: str = ""
    format: int = _FORMAT


@dataclass(frozen=True)
class Facts:
    """What samples.json holds: the settings, and the rejection as it was calibrated."""

    settings: Settings
    by_score: ByScore | None = None
    by_distance: ByDistance | None = None


@dataclass(frozen=True)
class Progress:
    """How far a folder is: `drawn` samples were drawn, `kept` of them have files and rows, `table` bytes of the table
    are valid."""

    drawn: int = 0
    kept: int = 0
    table: int = 0


@dataclass(frozen=True)
class Folder:
    """A folder that is complete: `kept` images of `drawn` samples, and how they were chosen."""

    path: Path
    kept: int
    drawn: int
    by_score: ByScore | None
    by_distance: ByDistance | None


def write_samples(
    model: Any,
    folder: str | Path,
    n: int,
    *,
    seed: int = 0,
    classes: str | None = None,
    truncation: float = 1.0,
    reject: str = "none",
    images: ImageSet | None = None,
    space: FeatureSpace | None = None,
    files: str = "png",
    progress: Callable[[int, int], None] | None = None,
) -> Folder:
    """Write `n` images of a GAN into `folder`, and metadata.csv with a row of each: the file, seed and index, class,
    D's logit (`score`), and with `images` the distance to the nearest training image in `space` and its name.

    `files` is `png`, one file an image, in a folder of its class if there are classes; or `npz`, one of up to 1,024
    images. `reject` is `none`, `score` (`ByScore`) or `distance` (`ByDistance`); both need `images`, `distance` also
    `space`. `model`, `seed`, `classes` and `truncation` are those of `SampleSeries`.

    A folder that was stopped goes on with the same call and gets the same bytes, also with a larger `n`; parts of 1,024
    samples are in memory at once. Raises ConfigError for a folder of other samples and for what is missing, DataError
    for too few images to calibrate with, StorageError if it cannot be written.
    """
    series = SampleSeries(model, seed, classes=classes, truncation=truncation)
    _check(reject, files, images, space, n)
    path = Path(folder)
    origin = series.gan.origin
    settings = Settings(
        release="a model without a release" if origin is None else f"{origin.name} {origin.version}",
        manifest=_digest(series) if origin is None else origin.manifest,
        seed=seed,
        classes=classes,
        truncation=float(truncation),
        reject=reject,
        images="" if images is None else images.sha256,
        features="" if images is None or space is None else space.sha256,
        files=files,
    )
    busy = StorageError(f"another process writes samples into {path}", "Wait for it, or give another folder.")
    with locked(path / ".lock", busy, "Choose a folder that you may write to."):
        before = _read_facts(path, settings)
        training = None if images is None or space is None else TrainingImages(images, space)
        facts = before or _calibrated(series, settings, images, training)
        if before is None:
            write_atomically(path / _FACTS, dump_json(to_plain(facts)))
        writer = _Writer(path, facts, series, training)
        done = writer.run(n, progress)
    return Folder(path, done.kept, done.drawn, facts.by_score, facts.by_distance)


@dataclass(frozen=True)
class _Part:
    """A part whose files are being written, with its rows of the table, and how far the folder is with it."""

    writes: Sequence[Future[None]]
    lines: bytes
    state: Progress


class _Writer:
    """Draws part after part, and writes the files of each, its rows, and then how far it is."""

    def __init__(self, path: Path, facts: Facts, series: SampleSeries, training: TrainingImages | None) -> None:
        self.path, self.facts, self.series, self.training = path, facts, series, training
        self.npz = facts.settings.files == "npz"

    def run(self, n: int, progress: Callable[[int, int], None] | None) -> Progress:
        """Go on until there are n images. While the files of one part are written, the next one is drawn."""
        remove_partial(self.path)
        state = _read_progress(self.path)
        if state.kept > n:
            raise ConfigError(f"{self.path} has {state.kept:,} images already", f"Ask for {state.kept:,} or more.")
        state = state if state.table else self._begin()
        with (self.path / TABLE).open("r+b") as table, ThreadPoolExecutor(max_workers=_WRITERS) as pool:
            table.truncate(state.table)
            table.seek(state.table)
            waiting: _Part | None = None
            while state.kept < n or waiting is not None:
                following = self._draw(state, n, pool) if state.kept < n else None
                if waiting is not None:
                    done = self._commit(waiting, table)
                    if progress is not None:
                        progress(done.kept, n)
                waiting = following
                state = state if following is None else following.state
        return _read_progress(self.path)

    def _begin(self) -> Progress:
        header = _row(self._columns())
        write_atomically(self.path / TABLE, header)
        return Progress(table=len(header))

    def _columns(self) -> list[str]:
        columns = ["file_name", *["row"] * self.npz, "seed", "index"]
        condition = self.series.gan.condition
        if condition is not None:
            columns += ["class"] if condition.classes else list(condition.attributes)
        return [*columns, "score", *["distance", "nearest"] * (self.training is not None)]

    def _draw(self, state: Progress, n: int, pool: ThreadPoolExecutor) -> _Part:
        """The samples up to the next multiple of the part's size; those that were drawn before are left out."""
        first = state.drawn - state.drawn % CHUNK
        last = state.drawn - state.drawn % _PART + _PART
        if self.facts.settings.reject == "none":  # draw no more than is wanted
            last = min(last, -(-(state.drawn + n - state.kept) // CHUNK) * CHUNK)
        drawn = self.series(range(first, last))
        features = scores(self.series.gan, drawn.samples, drawn.condition)
        nearest = None if self.training is None else self.training.nearest(drawn.images)
        keep = self._keep(drawn, features, None if nearest is None else nearest[1])
        keep &= drawn.index >= state.drawn
        rows = keep.nonzero().flatten()[: n - state.kept]
        end = int(drawn.index[rows[-1]]) + 1 if len(rows) == n - state.kept else last
        names, writes = self._write_files(drawn, rows, state, pool)
        lines = b"".join(self._lines(drawn, rows, names, features[:, 0], nearest))
        return _Part(writes, lines, Progress(end, state.kept + len(rows), state.table + len(lines)))

    def _commit(self, part: _Part, table: io.BufferedRandom) -> Progress:
        """Wait for the files, then write the rows, then how far it is. Raises StorageError."""
        try:
            for write in part.writes:
                write.result()
            table.write(part.lines)
            table.flush()
            os.fsync(table.fileno())
        except OSError as error:
            problem = f"cannot write into {self.path}: {error.strerror or error}"
            raise StorageError(problem, "Free some space, then give the same command: it goes on.") from error
        write_atomically(self.path / _PROGRESS, dump_json(to_plain(part.state)))
        return part.state

    def _keep(self, drawn: Samples, features: Tensor, distances: Tensor | None) -> Tensor:
        if self.facts.by_score is not None:
            return uniforms(self.series.seed, drawn.index) < self.facts.by_score.probabilities(features)
        if self.facts.by_distance is not None and distances is not None:
            return self.facts.by_distance.keeps(distances)
        return torch.ones(len(drawn.index), dtype=torch.bool)

    def _write_files(
        self, drawn: Samples, rows: Tensor, state: Progress, pool: ThreadPoolExecutor
    ) -> tuple[list[str], list[Future[None]]]:
        """The names of those rows' files, relative to the folder; they are being written."""
        pixels = to_uint8(drawn.images[rows], self.series.gan.output).permute(0, 2, 3, 1).squeeze(-1).numpy()
        if self.npz:
            name = f"{state.drawn:09d}.npz"
            shard = self._shard(drawn, rows, pixels) if len(rows) else b""
            writes = [pool.submit(write_atomically, self.path / name, shard)] if shard else []
            return [name] * len(rows), writes
        names = [f"{self._folder(drawn, int(row))}/{int(drawn.index[row]):07d}.png" for row in rows]
        for folder in {name.rpartition("/")[0] for name in names}:
            (self.path / folder).mkdir(exist_ok=True)
        each = [(self.path / name, one) for name, one in zip(names, pixels, strict=True)]
        return names, [pool.submit(_save_all, each[at::_WRITERS]) for at in range(_WRITERS)]

    def _shard(self, drawn: Samples, rows: Tensor, pixels: np.ndarray[Any, Any]) -> bytes:
        arrays: dict[str, Any] = {"images": pixels, "index": drawn.index[rows].numpy()}
        if drawn.condition is not None:
            arrays["labels"] = drawn.condition[rows].numpy()
        if self.series.class_names:
            arrays["classes"] = np.array(self.series.class_names)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    def _folder(self, drawn: Samples, row: int) -> str:
        if not self.series.class_names or drawn.condition is None:
            return "images"
        number = int(drawn.condition[row])
        return _folders(self.series.class_names)[number]

    def _lines(
        self,
        drawn: Samples,
        rows: Tensor,
        names: Sequence[str],
        logits: Tensor,
        nearest: tuple[list[str], Tensor] | None,
    ) -> Iterable[bytes]:
        for number, (row, name) in enumerate(zip(rows.tolist(), names, strict=True)):
            values: list[Any] = [name, *[number] * self.npz, self.series.seed, int(drawn.index[row])]
            if drawn.condition is not None:
                of_row = drawn.condition[row]
                values += [self.series.class_names[int(of_row)]] if self.series.class_names else of_row.tolist()
            values.append(f"{float(logits[row]):.6g}")
            if nearest is not None:
                values += [f"{float(nearest[1][row]):.6g}", nearest[0][row]]
            yield _row(values)


def _calibrated(
    series: SampleSeries, settings: Settings, images: ImageSet | None, training: TrainingImages | None
) -> Facts:
    if settings.reject == "score" and images is not None:
        return Facts(settings, by_score=calibrate_score(series, images))
    if settings.reject == "distance" and training is not None:
        return Facts(settings, by_distance=calibrate_distance(series, training))
    return Facts(settings)


def _check(reject: str, files: str, images: ImageSet | None, space: FeatureSpace | None, n: int) -> None:
    if n < 1:
        raise ConfigError(f"{n} images cannot be written", "Ask for one or more.")
    if reject not in REJECTIONS:
        raise ConfigError(f"rejection by {reject!r} is unknown", f"Use {', '.join(REJECTIONS)}.")
    if files not in FILES:
        raise ConfigError(f"files {files!r} are unknown", f"Use {' or '.join(FILES)}.")
    if reject != "none" and images is None:
        raise ConfigError(f"rejection by {reject} needs the images that the GAN learnt", "Give them: --data NAME.")
    if reject == "distance" and space is None:
        raise ConfigError("rejection by distance needs a feature space", "Give one: --metric judge.")


def _digest(series: SampleSeries) -> str:
    """The digest of the weights that draw, of a model without a release."""
    return digest(series.gan)


def _folders(classes: Sequence[str]) -> list[str]:
    """A folder's name for each class: its own, or its number if that is no plain name or equals another's."""
    low = [name.lower() for name in classes]
    plain = [
        bool(_SAFE.fullmatch(name)) and not name.endswith((" ", ".")) and low.count(name.lower()) == 1
        for name in classes
    ]
    return [name if ok else f"class-{number}" for number, (name, ok) in enumerate(zip(classes, plain, strict=True))]


def _read_facts(path: Path, settings: Settings) -> Facts | None:
    """The facts of a folder that was begun; None if it is empty. Raises ConfigError unless its settings are these."""
    if not (path / _FACTS).exists():
        if any(name != ".lock" and not name.endswith(".partial") for name in os.listdir(path)):
            raise ConfigError(f"{path} holds something else", "Give a new folder.")
        return None
    facts = _parsed(path / _FACTS, Facts)
    for key, value in to_plain(settings).items():
        if (old := getattr(facts.settings, key)) != value:
            raise ConfigError(
                f"{path} holds other samples: their {key} is {str(old)[:60]!r}, not {str(value)[:60]!r}",
                "Give the command that began it, or a new folder.",
            )
    return replace(facts, settings=settings)


def _read_progress(path: Path) -> Progress:
    return _parsed(path / _PROGRESS, Progress) if (path / _PROGRESS).exists() else Progress()


def _parsed(path: Path, kind: type[Any]) -> Any:
    try:
        data = read_regular(path, _LARGEST)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}", "Give a new folder.") from None
    return from_plain(kind, parse_json(data, str(path), largest=_LARGEST, error=DataError), str(path), error=DataError)


def _row(values: Sequence[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode()


def _save_all(each: Sequence[tuple[Path, np.ndarray[Any, Any]]]) -> None:
    for path, pixels in each:
        Image.fromarray(pixels).save(path, "PNG", compress_level=1)
