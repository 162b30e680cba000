"""The bundled first stage `spatial.photos4`, in three steps:

    python plugins/spatial/tools/make_release.py images CLOTHING photos64.npz
    zoo train recipes/photos4.toml --out runs/photos4
    python plugins/spatial/tools/make_release.py release runs/photos4 RELEASE

CLOTHING is the clothing dataset (subset) of A. Grigorev and contributors (CC0) as folders `train/CLASS/*.jpg` and
`held-out/CLASS/*.jpg`. Its images are not passed on: the release's picture and test vectors are of emoji.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.open import open_images
from zoo.training.api import open_run
from zoo.training.release import Trained, write_pair

SIDE = 64
CREDITS = (
    "Clothing dataset (subset), A. Grigorev and contributors, CC0 1.0; "
    "Noto Emoji, Google, Apache-2.0, by way of emoji-datasource-google 16.0.0 (MIT)"
)


def images(clothing: Path, out: Path) -> None:
    """Squares of 64 px: the photographs with their split, and the emoji, of which the last fifth is held out."""
    pixels, train = [], []
    for split in ("train", "held-out"):
        for path in sorted((clothing / split).rglob("*.jpg")):
            pixels.append(square(path))
            train.append(split == "train")
    emoji = open_images("emoji-noto64", shape=(3, SIDE, SIDE))
    in_training = np.arange(len(emoji)) < int(0.8 * len(emoji))
    everything = np.concatenate([np.stack(pixels), emoji.pixels.permute(0, 2, 3, 1).numpy()])  # type: ignore[union-attr]
    np.savez(out, images=everything, train=np.concatenate([np.array(train), in_training]))


def square(path: Path) -> np.ndarray:  # type: ignore[type-arg]
    """The centre of a photograph, its shorter side brought to 64 px."""
    picture = Image.open(path).convert("RGB")
    scale = SIDE / min(picture.size)
    width, height = (max(SIDE, round(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))


def release(folder: Path, out: Path) -> None:
    """The run as a release, with a picture and test vectors of emoji."""
    run = open_run(folder)
    emoji = open_images("emoji-noto64", like=run.autoencoder.data)  # type: ignore[union-attr]
    shown = emoji.pixels[emoji.held_out[:8]]
    sample = replace(run.image_sample, name="photos64", credit=CREDITS, pixels=shown)
    trained = Trained(run.autoencoder, None, sample, run.recipe, run.shown, (), ())
    write_pair(trained, out, license="CC0-1.0 AND Apache-2.0", name="spatial.photos4", version="1.0.0")


if __name__ == "__main__":
    {"images": images, "release": release}[sys.argv[1]](*map(Path, sys.argv[2:]))
