"""What a first stage of our own leaves of photographs after so many images: error over variance, and CPU seconds.

    python benchmarks/first_stage.py --data materials64.npz --size 32 --code 4 8 8 --images 30000

Trains an autoencoder of the plugin zoo-spatial in one thread, and measures it on the held-out images. The error is the
mean squared error over the mean over pixels of the variance over images.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import torch

import zoo
from zoo.training.first_stage_report import error_over_variance
from zoo.types import PartSpec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="an .npz of photographs, or a folder")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--code", type=int, nargs=3, default=[4, 8, 8])
    parser.add_argument("--images", type=int, default=30_000)
    parser.add_argument("--settings", type=json.loads, default={"width": 48}, help="of encoder and decoder, as JSON")
    parser.add_argument("--beta", type=float, default=1e-3, help="the weight of the KL divergence")
    parser.add_argument("--training", type=json.loads, default={}, help="more settings of the training, as JSON")
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"factor": given.size // given.code[1], **given.settings}
    part = PartSpec("spatial", settings)
    images = zoo.open_images(given.data, shape=(3, given.size, given.size))
    model = zoo.autoencoder(part, part, shape=images.spec.shape, code_shape=tuple(given.code))
    objective = {"component": "core/vae", "config": {"beta": given.beta}}
    training = {"batch": 16, "learning_rate": 2e-3, "objective": objective, **given.training}
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        run = zoo.train(model, images, out=Path(folder) / "run", images=given.images, training=training)
        seconds = time.process_time() - start
    x = images.batch(images.held_out)
    assert run.autoencoder is not None
    facts = {"error": round(error_over_variance(x, run.autoencoder.reconstruct(x)), 4), "cpu_seconds": round(seconds)}
    parameters = sum(weight.numel() for weight in model.parameters())
    print(json.dumps({**facts, "images": given.images, "parameters": parameters, **settings}))


if __name__ == "__main__":
    main()
