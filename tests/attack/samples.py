"""Images and arrays of strangers."""

from __future__ import annotations

import io
import math
import os
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from attack.arena import Action, Family
from attack.damage import damage_bytes, damage_folder
from zoo.data.config import DataConfig
from zoo.data.open import open_data

__all__ = ["ARRAYS", "IMAGES", "png_that_says"]

_FORMATS = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "jp2")


def _make_images(place: Path) -> None:
    rng = np.random.default_rng(0)
    folder = place / "photos"
    folder.mkdir()
    for i, ending in enumerate(_FORMATS):
        for mode in ("RGB", "L"):
            pixels = rng.integers(0, 256, (20, 24, 3) if mode == "RGB" else (20, 24), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}{mode}.{ending}")
    Image.fromarray(rng.integers(0, 65536, (20, 24)).astype(np.uint16)).save(folder / "deep.png")
    Image.fromarray(rng.random((20, 24)).astype(np.float32)).save(folder / "floats.tif")
    Image.fromarray(rng.integers(0, 256, (20, 24, 4), dtype=np.uint8), "RGBA").save(folder / "alpha.png")
    Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).quantize(8).save(
        folder / "palette.png", transparency=2
    )


def png_that_says(width: int, height: int, depth: int, colour: int, data: bytes = b"") -> bytes:
    """A PNG with that header and little or no data behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(data or bytes(999))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _damage_images(place: Path, rng: random.Random) -> str:
    folder = place / "photos"
    kind = rng.randrange(8)
    if kind == 0:
        side = rng.choice((1, 7, 3_000, 9_999, 60_000, 2**31 - 1))
        data = png_that_says(side, rng.choice((1, side)), rng.choice((1, 8, 16)), rng.choice((0, 2, 3, 4, 6)))
        (folder / "says.png").write_bytes(data)
        return f"a PNG that says {side}"
    if kind == 1:
        name = rng.choice(
            ("\x1b[2J.png", "\u202egnp.png", "a" * 200 + ".png", " .png", "-rf.png", "é\n.png", "%s{}.png")
        )
        os.rename(rng.choice(sorted(folder.iterdir())), folder / name)
        return "a strange name"
    if kind == 2:
        one, other = rng.sample(sorted(path for path in folder.iterdir() if path.is_file()), 2)
        one.write_bytes(other.read_bytes()[: rng.randrange(200)] + one.read_bytes())
        return "one file in another"
    return damage_folder(folder, rng)


def _opened(stream: bool) -> Action:
    def action(place: Path) -> object:
        images = open_data(DataConfig(str(place / "photos"), shape=(3, 8, 8), stream=stream, held_out=0.0))
        total = images.batch(torch.arange(len(images))).double().sum().item()
        return total, len(images), images.skipped, images.notes

    return action


def _image_action(rng: random.Random) -> tuple[str, Action]:
    stream = rng.random() < 0.5
    return ("stream" if stream else "open"), _opened(stream)


IMAGES = Family("images", _make_images, _damage_images, _image_action)


# Arrays


def _make_arrays(place: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez_compressed(
        place / "x.npz",
        images=rng.integers(0, 256, (40, 8, 8), dtype=np.uint8),
        labels=np.arange(40) % 3,
        train=np.arange(40) % 4 > 0,
        classes=np.array(["a", "b", "c"]),
    )


def _damage_arrays(place: Path, rng: random.Random) -> str:
    path = place / "x.npz"
    if rng.random() < 0.4:
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
        return "bits"
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = rng.choice(sorted(members))
    kind = rng.randrange(4)
    if kind == 0:
        members[name] = damage_bytes(members[name], rng)
    elif kind == 1:
        members[name] = _array_of(rng)
    elif kind == 2:
        members[rng.choice(("x.npy", "../../outside/x.npy", "a.py", "images", "images.npy.npy", "\x1b[2J.npy"))] = (
            members[name]
        )
    else:
        del members[name]
    compression = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return f"member {name}"


def _array_of(rng: random.Random) -> bytes:
    """A member of any type and shape, with the values it promises or without."""
    sizes = (0, 1, 2, 3, 4, 8, 40, 40, 100, 2**16, 2**31, 2**40)
    shape = tuple(rng.choice(sizes) for _ in range(rng.randrange(5)))
    kind = rng.choice(
        ("|u1", "|b1", "<f8", ">f4", "<f2", "<i8", "<U9", "|S3", "|O", "<c16", "<M8[s]", "|V7", "<u8", "|U0")
    )
    fill = rng.choice((0.0, 1.0, 0.5, -1.0, float("nan"), 1e300))
    if rng.random() < 0.5 and math.prod(n or 1 for n in shape) < 10_000 and kind != "|O":
        values: Any = np.zeros(shape, kind)
        if values.dtype.kind == "f":
            values[...] = fill if values.dtype.itemsize > 4 or abs(fill) < 2 else 1.0
        out = io.BytesIO()
        np.lib.format.write_array(out, values)
        return out.getvalue()
    text = repr({"descr": kind, "fortran_order": rng.random() < 0.3, "shape": shape}).encode() + b"\n"
    version = rng.choice((1, 1, 2, 3, 9))
    size = struct.pack("<H" if version == 1 else "<I", min(rng.choice((len(text), len(text), 2**16 - 1)), 2**16 - 1))
    return b"\x93NUMPY" + bytes((version, 0)) + size + text + b"\0" * rng.choice((0, 100, 5_000))


def _arrays(place: Path) -> object:
    images = open_data(DataConfig(str(place / "x.npz")))
    labels = None if images.labels is None else images.labels.tolist()
    return images.sha256, labels, images.spec, images.train.tolist()


ARRAYS = Family("arrays", _make_arrays, _damage_arrays, lambda rng: ("open", _arrays))
