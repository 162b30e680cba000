"""Does rejection make samples better? KID, precision and recall of as many samples, kept by each rule.

    python benchmarks/rejection.py dcgan.mnist5k --data mnist5k
    python benchmarks/rejection.py dcgan.emoji-noto64 --data emoji-noto64 --count 1000

A seed draws other samples, and calibrates anew on others. Prints one JSON line for each rule, feature space and seed,
and one with the mean and the range over seeds; at last the images a CPU second. Distances are those of `judge`, so KID
in `judge` is not fair to rejection by distance: read it in the other space.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zoo.data.open import open_images
from zoo.data.pixels import from_uint8
from zoo.metrics.evaluate import Reference, feature_space
from zoo.sampling.folder import write_samples
from zoo.training.api import open_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release")
    parser.add_argument("--data", required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--metrics", nargs="*", default=["judge", "efficientnet"])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    given = parser.parse_args()
    torch.set_num_threads(1)
    model: Any = open_model(given.release)
    images = open_images(given.data, like=model.gan.output)
    spaces = {name: feature_space(name) for name in given.metrics}
    judges = {name: Reference(images, space, name) for name, space in spaces.items()}
    figures: dict[tuple[str, str, str], list[float]] = {}
    for seed in given.seeds:
        for rule in ("none", "score", "distance"):
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time()
                done = write_samples(
                    model, Path(folder) / "samples", given.count, seed=seed, reject=rule, images=images,
                    space=feature_space("judge") if rule == "distance" else None, files="npz",
                )  # fmt: skip
                seconds = time.process_time() - began
                samples = read(Path(folder) / "samples", model)
            right = None if done.by_score is None else round(done.by_score.right, 4)
            facts = {"rule": rule, "seed": seed, "drawn": done.drawn, "right": right}
            print(json.dumps({**facts, "images_per_cpu_second": round(given.count / seconds)}), flush=True)
            for name, judge in judges.items():
                for one in judge.measure(samples):
                    figures.setdefault((rule, name, one.name), []).append(one.value)
    for (rule, name, what), values in figures.items():
        low, mean, high = (round(float(f(values)), 5) for f in (min, np.mean, max))
        line = {"release": given.release, "rule": rule, "features": name, "metric": what}
        print(json.dumps({**line, "mean": mean, "range": [low, high]}), flush=True)


def read(folder: Path, model: Any) -> Tensor:
    """The images of the shards of a folder, in [low, high]."""
    parts = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as shard:
            parts.append(torch.from_numpy(shard["images"]))
    pixels = torch.cat(parts)
    pixels = pixels[:, None] if pixels.dim() == 3 else pixels.permute(0, 3, 1, 2)
    return from_uint8(pixels.contiguous(), model.gan.output)


if __name__ == "__main__":
    main()
