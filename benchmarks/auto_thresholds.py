"""Data for two thresholds of `auto`: how far codes must be from N(0, I), and how many images a mixture needs.

`python benchmarks/auto_thresholds.py` decodes 1,000 codes of each prior, without training a GAN, and writes
benchmarks/auto_thresholds.csv: KID of these images against held-out ones, for priors fitted to the codes of n images.
The sources are the bundled release and small dense autoencoders that are trained here into --out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.metrics.evaluate import reference
from zoo.networks.autoencoder import Autoencoder
from zoo.training.api import open_run, train
from zoo.transfers.auto import components, measure_evidence
from zoo.transfers.density import fit_gaussian, fit_mixture

OUT = Path(__file__).parent / "auto_thresholds.csv"
FIELDS = ("source", "images", "error", "gap", "n", "prior", "kid", "floor")
SETS = ("glyphs-sans32", "mnist5k", "emoji-noto64")
SHAPE, LATENT, SAMPLES, SHOWN = (1, 32, 32), 64, 1_000, 40_000
COUNTS = (100, 500, 2_000)
TRAINED = {
    "mlp, vae, beta 0.1": {"objective": {"component": "core/vae", "config": {"beta": 0.1}}},
    "mlp, rae": {"objective": "core/rae"},
}
"""Objectives of the dense autoencoders of glyphs, with codes at increasing distances from N(0, I)."""


def main() -> None:
    """Measure every source on every set and write the CSV."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("runs/thresholds"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for name, source in _sources(options.out):
            for images in (open_images(data, like=source.data) for data in SETS):
                for row in _measure(name, source, images):
                    writer.writerow(row)
                    file.flush()
                    print(*row, flush=True)


def _sources(out: Path) -> Iterator[tuple[str, Autoencoder]]:
    release = zoo.load("dcgan.glyphs-sans32").autoencoder
    assert release is not None
    yield "dcgan.glyphs-sans32", release.eval()
    for name, settings in TRAINED.items():
        folder = out / name.replace(", ", "-").replace(" ", "-")
        if not (folder / "recipe.toml").is_file():
            model = zoo.autoencoder("mlp", "mlp", shape=SHAPE, code_shape=LATENT)
            training = {**settings, "checkpoint_every": SHOWN, "sample_every": SHOWN}
            train(model, "glyphs-sans32", out=folder, images=SHOWN, training=training)
        trained = open_run(folder).autoencoder
        assert trained is not None
        yield name, trained.eval()


@torch.no_grad()
def _measure(name: str, source: Autoencoder, images: ImageSet) -> Iterator[tuple[object, ...]]:
    evidence = measure_evidence(source, zoo.gan(like=source), images)
    facts = (name, images.name, f"{evidence.error:.2f}", f"{evidence.prior_gap:.2f}")
    metrics = reference(images, "judge")
    order = images.train[torch.randperm(len(images.train), generator=torch.Generator().manual_seed(0))]
    codes = torch.cat([source.encode(images.batch(rows)) for rows in order[: max(COUNTS)].split(512)])

    def row(n: int, prior: str, codes: Tensor) -> tuple[object, ...]:
        figure = metrics.measure(source.decode(codes.float()))[0]
        return *facts, n, prior, f"{figure.value:.3f}", f"{figure.floor:.3f}"

    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(SAMPLES, LATENT, generator=rng)
    yield row(0, "N(0, I)", noise)
    for n in (count for count in COUNTS if count <= len(codes)):
        gaussian = fit_gaussian(codes[:n])
        yield row(n, "gaussian", noise.double() @ gaussian.scale.T + gaussian.mean)
        mixture = fit_mixture(codes[:n], components(n), torch.Generator().manual_seed(0))
        which = torch.multinomial(mixture.weights, SAMPLES, replacement=True, generator=rng)
        spread = (mixture.scales[which] @ noise.double()[:, :, None])[:, :, 0]
        yield row(n, "mixture", mixture.means[which] + spread)


if __name__ == "__main__":
    main()
