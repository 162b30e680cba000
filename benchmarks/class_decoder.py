"""A decoder that takes the class, against one that does not: reconstructions, and samples from fitted priors.

    python benchmarks/class_decoder.py --data mnist5k --images 12800 --seeds 0 1 2

Each autoencoder learns the same images. Then the decoder becomes a generator, and a prior is fitted to the codes: one
mixture for all (`gmm-prior`), which says nothing of the class, and one for each class (`class-prior`). Nothing is
trained after that. Prints one JSON line a decoder, seed and prior.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from classes import Judge

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.networks.autoencoder import Autoencoder
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.recipe import AutoencoderTraining
from zoo.training.recipe_of import images_for
from zoo.training.trainer import seeded_step
from zoo.types import PartSpec

NET = PartSpec("dcgan", {"width": 16})
INNER = {"generator": {"component": "dcgan", "config": {"width": 16}}}
DECODERS = {
    "no class": NET,
    "class-embedding": PartSpec("class-embedding", INNER),
    "class-normalisation": PartSpec("class-normalisation", INNER),
}
PRIORS = {
    "one mixture": PartSpec("gmm-prior", {"components": 120}),
    "a mixture a class": PartSpec("class-prior"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--metric", default="judge")
    parser.add_argument("--images", type=int, default=12_800)
    parser.add_argument("--code", type=int, default=16)
    parser.add_argument("--training", type=json.loads, default={}, help="settings of the training, as JSON")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    given = parser.parse_args()
    torch.set_num_threads(1)
    images = open_images(given.data, shape=(1, 32, 32))
    judge = Judge(images, given.metric)
    x, condition = images.batch(images.held_out), images.conditions(images.held_out)
    for seed in given.seeds:
        for name, decoder in DECODERS.items():
            began = time.process_time()
            model = trained(decoder, images, given, seed)
            seconds = round(time.process_time() - began, 1)
            wrong = model.reconstruct(x, condition=condition) - x
            lost = round(float(wrong.square().mean() / x.var(0, unbiased=False).mean()), 4)
            for prior, part in PRIORS.items():
                gan = zoo.gan(like=model, data=images.spec, seed=seed)
                result = zoo.transfer(model, gan, [PartSpec("decoder-init"), part], data=images)
                figures = judge.measure(result.gan.eval(), 1.0, 0, seed)
                figures.pop("classes", None)
                facts = {"decoder": name, "seed": seed, "seconds": seconds, "error over variance": lost, "prior": prior}
                print(json.dumps({**facts, **figures}), flush=True)


def trained(decoder: PartSpec, images: ImageSet, given: Any, seed: int) -> Autoencoder:
    """An autoencoder of the images with that decoder."""
    model = zoo.autoencoder(NET, decoder, data=images.spec, code_shape=given.code, seed=seed)
    training = from_plain(AutoencoderTraining, {"images": given.images, **given.training}, "training")
    trainer = AutoencoderTrainer(model, images_for(model, images), training, seed)
    batches = Batches(images.train, training.batch, trainer.streams["data"])
    for at in range(0, given.images, training.batch):
        seeded_step(trainer, batches.next(), at)
    return model.eval()


if __name__ == "__main__":
    main()
