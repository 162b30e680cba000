"""Cases that were once wrong, each by hand: they stay refused, or are handled."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from helpers import released
from PIL import Image

from attack.arena import Action
from attack.judge import command
from attack.samples import png_that_says

__all__ = ["CORPUS"]

_TRAIN = ("train", "gan", "--data", "{}/x.npz", "--generator", "dcgan", "--code-shape", "4", "--out", "{}/run")
_ENCODE = ("reconstruct", "{}/release", "-o", "{}/out.npz", "-n", "1", "--data")


def _dotted(name: str) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        (place / name).write_text(".".join("a" * 16_000) + " = 1\n")

    return make


def _arrays(place: Path) -> None:
    np.savez(place / "x.npz", images=np.zeros((64, 8, 8), np.uint8))


def _empty_tensors(place: Path) -> None:
    """80,000 tensors without a value, pinned as if that were right."""
    from dataclasses import replace

    from zoo.release.folder import pin_file, read_manifest
    from zoo.release.manifest import manifest_bytes

    folder = released(place / "release")
    facts = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"t{i}": facts for i in range(80_000)}).encode()
    data = struct.pack("<Q", len(header)) + header
    manifest = read_manifest(folder)
    part = manifest.parts["decoder"]
    (folder / part.file).write_bytes(data)
    pin = pin_file(data)
    changed = replace(part, sha256=pin.sha256, size=pin.size)
    (folder / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts={**manifest.parts, "decoder": changed})))


def _huge_networks(place: Path) -> None:
    from dataclasses import replace

    from zoo.release.folder import read_manifest
    from zoo.release.manifest import manifest_bytes

    folder = released(place / "release")
    manifest = read_manifest(folder)
    part = replace(manifest.parts["decoder"], component="mlp/mlp", config={"widths": [65_536] * 64})
    (folder / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts={**manifest.parts, "decoder": part})))


def _deep_picture(place: Path) -> None:
    """A hundred million pixels of 16 bits in 0.2 MB."""
    (place / "photos").mkdir()
    released(place / "release")
    data = io.BytesIO()
    Image.new("I;16", (9_999, 9_999)).save(data, "PNG", compress_level=1)
    (place / "photos" / "deep.png").write_bytes(data.getvalue())
    Image.new("L", (8, 8)).save(place / "photos" / "small.png")


def _wide_picture(place: Path) -> None:
    (place / "photos").mkdir()
    released(place / "release")
    (place / "photos" / "says.png").write_bytes(png_that_says(9_999, 9_999, 16, 6))


def _archive(place: Path) -> None:
    """4.8 GB of zeros in 5 MB; here by its header alone."""
    released(place / "release")
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (300000, 128, 128)}\n"
    with zipfile.ZipFile(place / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)


def _pipe(place: Path) -> None:
    os.mkfifo(place / "recipe.toml")


CORPUS: dict[str, tuple[Callable[[Path], None], Action, bool]] = {
    "a dotted key of a recipe": (_dotted("r.toml"), command("train", "{}/r.toml", "--out", "{}/run"), True),
    "a dotted key of a registry": (_dotted("r.toml"), command("--registry", "{}/r.toml", "list"), True),
    "a dotted key of a setting": (_arrays, command(*_TRAIN, "--set", f"x={{{'.'.join('a' * 16_000)}=1}}"), True),
    "a batch beyond 32 bits": (_arrays, command(*_TRAIN, "--batch", "2147483648"), True),
    "images beyond 64 bits": (_arrays, command(*_TRAIN, "--images", str(10**19)), True),
    "80,000 empty tensors": (_empty_tensors, command("verify", "{}/release"), True),
    "a manifest of huge networks": (_huge_networks, command("verify", "{}/release"), True),
    "a picture of 16 bits": (_deep_picture, command(*_ENCODE, "{}/photos"), False),
    "a header of a picture": (_wide_picture, command(*_ENCODE, "{}/photos"), True),
    "an archive of 4.8 GB": (_archive, command(*_ENCODE, "{}/x.npz"), True),
    "a pipe for a recipe": (_pipe, command("train", "{}/recipe.toml", "--out", "{}/run"), True),
}
"""By name: what makes the input, what uses it, and whether it must be refused."""
