"""The README's first picture: what the docs already show, from an autoencoder beside from scratch, in the same time.

    zoo demo --photos && python benchmarks/poster.py demo-photos --write docs/images/poster.png

Photographs are those of `latent_photos.py` (docs/images/photos-128.png, ten CPU minutes each), digits those of `zoo
demo` (docs/images/samples.png): 12,800 images for the autoencoder and 12,800 for the GAN, beside 25,600 from scratch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from zoo.data.grids import captioned_grid, png_bytes

IMAGES = Path(__file__).parents[1] / "docs" / "images"
WIDTH = 520


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("demo", type=Path, help="the folder of zoo demo --photos")
    parser.add_argument("--write", type=Path, required=True)
    given = parser.parse_args()
    planets = [newest(given.demo / arm / "samples", rows=3) for arm in ("transfer", "scratch")]
    panels = [
        ("Photographs, ten minutes: from an autoencoder", part("photos-128", (18, 43, 599, 333))),
        ("from scratch", part("photos-128", (617, 43, 1198, 333))),
        ("Planets, 70 seconds: from an autoencoder", planets[0]),
        ("from scratch", planets[1]),
        ("Digits, under a minute: from an autoencoder", part("samples", (1659, 45, 2187, 243))),
        ("from scratch", part("samples", (2206, 618, 2734, 816))),
    ]
    given.write.write_bytes(png_bytes(captioned_grid([(text, wide(sheet)) for text, sheet in panels], across=2)))


def part(name: str, box: tuple[int, int, int, int]) -> Image.Image:
    """A part of a picture of the docs."""
    return Image.open(IMAGES / f"{name}.png").convert("RGB").crop(box)


def newest(folder: Path, rows: int) -> Image.Image:
    """The first rows, of eight, of a run's newest sheet of 64 samples."""
    sheet = Image.open(sorted(folder.glob("*.png"))[-1]).convert("RGB")
    return sheet.crop((0, 0, sheet.width, sheet.height * rows // 8 + 1))


def wide(sheet: Image.Image) -> Image.Image:
    """As wide as all others."""
    return sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
