"""Do samples help a classifier where one class has 20 images? Against the usual augmentations.

    python benchmarks/rare_class.py --data mnist5k --source dcgan.glyphs-sans32 --keep 20 --seeds 0 1 2 3 4

Seed s cuts the class s of the training images to `--keep` of them. An autoencoder that never saw this data set
(`--source`) learns the images that are left, its decoder and codes become a GAN that takes classes, and the GAN learns
them with every class shown equally often. Then a small convolutional network learns to tell the classes, with every
class drawn equally often: from real images, from real images that are shifted, turned and scaled, and from these with
samples of the rare class, as many as the other classes have images. Prints one JSON line a seed: the share of held-out
images of the rare class, and of all, that each classifier takes for their class.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

import zoo
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.training.trainer import seeded_step

STRATEGY = "decoder-init+encoder-init+class-prior+class-projection"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--source", default="dcgan.glyphs-sans32")
    parser.add_argument("--keep", type=int, default=20)
    parser.add_argument("--adapt", type=int, default=25_600, help="images that the autoencoder learns from")
    parser.add_argument("--images", type=int, default=25_600, help="images that the GAN is shown")
    parser.add_argument("--steps", type=int, default=1_500, help="of each classifier")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    given = parser.parse_args()
    torch.set_num_threads(1)
    source = zoo.load(given.source).autoencoder
    assert source is not None
    for seed in given.seeds:
        images = open_images(given.data, like=source.output)
        rare = seed % images.spec.condition.width  # type: ignore[union-attr]
        images = with_a_rare_class(images, rare, given.keep, seed)
        began = time.process_time()
        adapted = adapt(zoo.load(given.source).autoencoder, images, given.adapt, seed)  # type: ignore[arg-type]
        gan = trained(adapted, images, given.images, seed)
        seconds = time.process_time() - began
        print(
            json.dumps(
                {"seed": seed, "rare": rare, "gan": round(seconds, 1), **compared(gan, images, rare, given, seed)}
            ),
            flush=True,
        )


def with_a_rare_class(images: ImageSet, rare: int, keep: int, seed: int) -> ImageSet:
    """The images without most training images of one class."""
    labels = images.conditions(images.train)
    assert labels is not None
    own = images.train[labels == rare]
    kept = own[torch.randperm(len(own), generator=torch.Generator().manual_seed(seed))[:keep]]
    rows = torch.cat([images.train[labels != rare], kept, images.held_out]).sort().values
    return images.subset(rows, images.name)


def adapt(autoencoder: Autoencoder, images: ImageSet, shown: int, seed: int) -> Autoencoder:
    """The autoencoder after some images of the target."""
    training = from_plain(AutoencoderTraining, {"images": shown, "batch": 32}, "adapt")
    trainer = AutoencoderTrainer(autoencoder, images.without_labels(), training, seed)
    run(trainer, shown, 32)
    return autoencoder.eval()


def trained(source: Autoencoder, images: ImageSet, shown: int, seed: int) -> GAN:
    """A GAN that takes classes, from the autoencoder."""
    moved = zoo.transfer(source, zoo.gan(like=source, data=images.spec, seed=seed), STRATEGY, data=images)
    plain = {"images": shown, "batch": 32, "balance": True, **moved.plan.recipe}
    trainer = GANTrainer(moved.plan, images, from_plain(AdversarialTraining, plain, "gan"), seed)
    run(trainer, shown, 32)
    return trainer.averaged_gan()


def run(trainer: Any, shown: int, batch: int) -> None:
    batches = Batches(trainer.rows, batch, trainer.streams["data"])
    for at in range(0, shown, batch):
        seeded_step(trainer, batches.next(), at)


def compared(gan: GAN, images: ImageSet, rare: int, given: Any, seed: int) -> dict[str, Any]:
    """What the classifiers get right."""
    x, y = images.batch(images.train), images.conditions(images.train)
    held, truth = images.batch(images.held_out), images.conditions(images.held_out)
    assert y is not None
    assert truth is not None
    missing = int(y.bincount().median()) - given.keep
    samples = gan.sample(missing, seed, classes=torch.full((missing,), rare))
    more = torch.cat([x, samples]), torch.cat([y, torch.full((missing,), rare)])
    arms = {"real": (x, y, False), "augmented": (x, y, True), "augmented, samples": (*more, True)}
    out: dict[str, Any] = {"samples": missing}
    for name, (inputs, labels, augmented) in arms.items():
        right = learnt(inputs, labels, augmented, given.steps, seed)(held).argmax(1) == truth
        out[name] = {
            "rare": round(right[truth == rare].float().mean().item(), 4),
            "all": round(right.float().mean().item(), 4),
        }
    return out


def learnt(x: Tensor, y: Tensor, augmented: bool, steps: int, seed: int) -> nn.Module:
    """A small convolutional network, trained with AdamW; classes are drawn equally often."""
    torch.manual_seed(seed)
    channels = (x.shape[1], 32, 64, 128)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.BatchNorm2d(after), nn.ReLU()]
    net = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(512, int(y.max()) + 1)
    )
    adam = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    weights = 1 / y.bincount()[y].double()
    for _ in range(steps):
        rows = torch.multinomial(weights, 64, replacement=True)
        batch = moved_about(x[rows]) if augmented else x[rows]
        loss = functional.cross_entropy(net(batch), y[rows])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        schedule.step()
    return net.eval().requires_grad_(False)


def moved_about(x: Tensor) -> Tensor:
    """Turned by up to 15 degrees, scaled by up to 15 %, shifted by up to an eighth of the side."""
    n = len(x)
    angle, scale = (torch.rand(2, n) * 2 - 1) * torch.tensor([[math.radians(15)], [0.15]])
    shift = (torch.rand(n, 2, 1) * 2 - 1) / 4
    cos, sin = torch.cos(angle) * (1 + scale), torch.sin(angle) * (1 + scale)
    matrix = torch.cat([torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1), shift], 2)
    grid = functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return functional.grid_sample(x - x.min(), grid, align_corners=False) + x.min()


if __name__ == "__main__":
    main()
