"""First stages of the same networks with other objectives: what features and a discriminator of patches do.

    python benchmarks/first_stage_losses.py --data materials64.npz --side 32 --images 10000 --out losses/

Every arm shows the same images in the same order, in one thread, with Adam's betas of VQGAN's code (0.5, 0.9). Prints
one JSON line an arm: the error of held-out reconstructions over the variance, their sharpness (the mean absolute
difference of neighbouring pixels over that of the images: 1 is as sharp), their KID in the features `efficientnet`,
unless the arm was trained with those, and the CPU seconds. Writes a sheet: images, then each arm's reconstructions.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

import zoo
from zoo.data.grids import captioned_grid, grid, png_bytes
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.metrics.evaluate import reference
from zoo.metrics.own import refuse_own_features
from zoo.training.first_stage_report import error_over_variance
from zoo.types import PartSpec

PATCH = {"component": "patch", "config": {"width": 32, "layers": 2}}
FEATURES = {"component": "efficientnet"}
_SHOWN = 10


def arms(images: int) -> dict[str, PartSpec]:
    """The objectives by name; a discriminator starts after a quarter of the run."""
    start = images // 4
    settings = {
        "errors": {"adversary": 0.0},
        "discriminator": {"discriminator": PATCH, "start": start},
        "features": {"adversary": 0.0, "encoder": FEATURES},
        "both": {"discriminator": PATCH, "start": start, "encoder": FEATURES},
    }
    made = {name: PartSpec("spatial/vqgan", given) for name, given in settings.items()}
    return {"core/vae": PartSpec("core/vae", {"beta": 1e-6}), **made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="an .npz of photographs, or a folder")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--images", type=int, default=10_000, help="how many each arm shows")
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--arms", nargs="*", help="only these")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = open_images(given.data, shape=(3, given.side, given.side))
    judge = reference(images, "efficientnet")
    x = images.batch(images.held_out)
    sheet = {"images": x[:_SHOWN]}
    place = given.side // given.factor
    for name, objective in arms(given.images).items():
        if given.arms and name not in given.arms:
            continue
        net = PartSpec("spatial", {"factor": given.factor, "width": given.width})
        model = zoo.autoencoder(net, net, data=images.spec, code_shape=(4, place, place), seed=given.seed)
        training = {
            "objective": objective,
            "images": given.images,
            "learning_rate": given.learning_rate,
            "beta1": 0.5,
            "beta2": 0.9,
            "checkpoint_every": given.images,
            "sample_every": given.images,
        }
        start = time.process_time()
        out = given.out / name.replace("/", "-")
        run = zoo.train(model, images, out=out, training=training, seed=given.seed)
        seconds = time.process_time() - start
        y = run.autoencoder.reconstruct(x)  # type: ignore[union-attr]
        kid = None
        try:
            refuse_own_features(judge.space, {}, run.recipe.pretrained)
            kid = judge.measure(y)[0].value
        except ConfigError:
            pass  # its own features cannot measure it
        row = {"arm": name, "error": error_over_variance(x, y), "sharp": sharpness(y) / sharpness(x), "kid": kid}
        print(json.dumps({**row, "seconds": round(seconds, 1)}), flush=True)
        sheet[name] = y[:_SHOWN]
    panels = [(name, grid(to_uint8(shown, images.spec), _SHOWN)) for name, shown in sheet.items()]
    (given.out / "sheet.png").write_bytes(png_bytes(captioned_grid(panels, across=1)))


def sharpness(x: Tensor) -> float:
    """The mean absolute difference of neighbouring pixels of x (N, C, H, W)."""
    return float((x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean()) / 2)


if __name__ == "__main__":
    main()
