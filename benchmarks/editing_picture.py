"""The picture of the page "Edit your own photograph": python benchmarks/editing_picture.py docs/images/editing.png

Held-out digits and emoji, which may be shipped: mnist5k (CC BY-SA 3.0) and Noto Emoji (Apache-2.0).
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor

import zoo
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.pixels import to_uint8
from zoo.types import DataSpec

DIGITS = ((0, "8"), (2, "4"), (3, "9"))
EMOJI = (0, 1, 2)


def held_out(name: str, like: DataSpec, rows: tuple[int, ...]) -> Tensor:
    images = zoo.open_images(name, like=like)
    return images.batch(images.held_out[list(rows)])


def shown(images: Tensor, spec: DataSpec) -> Tensor:
    """Images as bytes of 64 px in colour."""
    grown = torch.nn.functional.interpolate(images, (64, 64)).expand(-1, 3, -1, -1)
    return to_uint8(grown, spec)


def main() -> None:
    digits, emoji = zoo.load("dcgan.mnist5k"), zoo.load("dcgan.emoji-noto64")
    assert digits.gan is not None
    assert emoji.gan is not None
    spec = emoji.gan.output
    x = held_out("emoji-noto64", spec, EMOJI)
    searched = zoo.invert(emoji, x, steps=100)
    tuned = zoo.invert(emoji, x, steps=100, tune=True)
    first = zoo.invert(emoji, x, steps=0)
    columns = torch.stack([x, first.images, searched.images, tuned.images], 1).flatten(0, 1)

    images = zoo.open_images("mnist5k", like=digits.gan.output)
    found = zoo.find_directions(digits, images, name="dcgan.mnist5k")
    y = held_out("mnist5k", digits.gan.output, tuple(row for row, _ in DIGITS))
    inverted = zoo.invert(digits, y, steps=30)
    moves = torch.cat([found.moves(to, code[None]) for (_, to), code in zip(DIGITS, inverted.codes, strict=True)])
    strips = torch.cat([y[:, None], inverted.edited(moves, [0, 0.25, 0.5, 0.75, 1, 1.25])], 1).flatten(0, 1)

    hidden = torch.zeros(3, 1, 64, 64, dtype=torch.bool)
    hidden[:, :, 20:44, 20:44] = True
    filled = zoo.fill(emoji, x, hidden)
    holes = torch.where(hidden, torch.tensor(0.0), x)
    fills = torch.stack([holes, filled.images, x], 1).flatten(0, 1)

    panels = [
        ("invert: image, encoder, search, tuned", shown(columns, spec), 4),
        ("edit: image, then strength 0 to 1.25 into 8, 4, 9", shown(strips, digits.gan.output), 7),
        ("fill: hole, filled, image", shown(fills, spec), 3),
    ]
    sheets = [(text, grid(pixels, across, scale=1)) for text, pixels, across in panels]
    Path(sys.argv[1]).write_bytes(png_bytes(captioned_grid(sheets)))
    for inversion in (first, searched, tuned, inverted):
        print(f"{inversion.psnr.mean():.2f} dB")


if __name__ == "__main__":
    main()
