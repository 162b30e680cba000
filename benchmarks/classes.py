"""Classes in a GAN: by a prior for each class, by an embedding in G, by a projection in D, and together.

    python benchmarks/classes.py --release dcgan.mnist5k --data mnist5k --images 25600 --seeds 0 1 2 3 4

Every arm shows the same images. A small classifier on the features of `--metric`, trained on the training images, says
which class it takes a sample for; its own accuracy on held-out images is printed too. Prints one JSON line an arm and
seed; the arms `... at 0` are not trained at all.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo import plugins
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.metrics.classifier import accuracy, train_classifier
from zoo.metrics.evaluate import features_of, reference
from zoo.networks.gan import GAN
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.training.trainer import seeded_step
from zoo.types import PartSpec

ARMS: dict[str, Any] = {
    "scratch": "scratch",
    "scratch, embedding and projection": "scratch+class-embedding+class-projection",
    "transfer without classes": "decoder-init+encoder-init+gmm-prior",
    "without classes, as many Gaussians": [
        PartSpec("decoder-init"),
        PartSpec("encoder-init"),
        PartSpec("gmm-prior", {"components": 120}),
    ],
    "prior": "decoder-init+encoder-init+class-prior",
    "prior and projection": "decoder-init+encoder-init+class-prior+class-projection",
    "embedding and projection": "decoder-init+encoder-init+gmm-prior+class-embedding+class-projection",
    "prior, embedding, projection": "decoder-init+encoder-init+class-prior+class-embedding+class-projection",
}
SAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", default="dcgan.mnist5k")
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--metric", default="judge")
    parser.add_argument("--images", type=int, default=25_600)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = zoo.load(given.release).autoencoder
    assert source is not None
    images = open_images(given.data, like=source.data)
    judge = reference(images, given.metric)
    classifier = Classifier(images, given.metric)
    print(json.dumps({"classifier right on held-out images": classifier.held_out}), flush=True)
    for seed in given.seeds:
        for name in given.arms:
            began = time.process_time()
            gan = zoo.gan(like=source, data=images.spec, seed=seed)
            plan = zoo.transfer(source, gan, ARMS[name], data=images, seed=seed).plan
            training = from_plain(AdversarialTraining, {"images": given.images, **plan.recipe}, "training")
            trainer = GANTrainer(plan, images, training, seed)
            fitted = time.process_time() - began
            if name == "prior" and seed == given.seeds[0]:
                tell(f"{name} at 0", seed, 0, fitted, measure(plan.gan, judge, classifier))
            batches = Batches(images.train, training.batch, trainer.streams["data"])
            for shown in range(0, given.images, training.batch):
                seeded_step(trainer, batches.next(), shown)
            spent = time.process_time() - began
            tell(name, seed, given.images, spent, measure(trainer.averaged_gan().eval(), judge, classifier))


class Classifier:
    """Samples -> classes, by a classifier on features; `held_out` is its accuracy."""

    def __init__(self, images: ImageSet, metric: str) -> None:
        self.space: Any = plugins.build("metric", metric)
        self.spec = images.spec
        labels = images.conditions(torch.arange(len(images)))
        assert labels is not None
        assert images.spec.condition is not None
        features = features_of(images.batch(torch.arange(len(images))), images.spec, self.space)
        self.net = train_classifier(features[images.train], labels[images.train], images.spec.condition.width)
        self.held_out = round(accuracy(self.net, features[images.held_out], labels[images.held_out]), 4)

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Tensor:
        predicted: Tensor = self.net(features_of(samples, self.spec, self.space)).argmax(1)
        return predicted


def measure(gan: GAN, judge: Any, classifier: Classifier) -> dict[str, float]:
    condition = gan.conditions(SAMPLES, seed=1)
    samples = gan.sample(SAMPLES, seed=1)  # of these conditions, which the same seed draws
    figures = {figure.name: round(figure.value, 4) for figure in judge.measure(samples)}
    if condition is None:
        return figures
    right = (classifier(samples) == condition).float()
    worst = min(float(right[condition == number].mean()) for number in condition.unique().tolist())
    return {"right": round(float(right.mean()), 4), "worst class": round(worst, 3), **figures}


def tell(arm: str, seed: int, shown: int, seconds: float, figures: dict[str, float]) -> None:
    print(json.dumps({"arm": arm, "seed": seed, "shown": shown, "seconds": round(seconds, 1), **figures}), flush=True)


if __name__ == "__main__":
    main()
