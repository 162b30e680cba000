"""Classes in a GAN: by a prior for each class, by an embedding in G, by a projection in D, and together.

    python benchmarks/classes.py --data mnist5k --out classes/ --seeds 0 1 2 3 4
    python benchmarks/classes.py --data clothing/ --size 64 --first-stage spatial.photos4 --second-stage 40000 \\
        --metric efficientnet --images 200000 --training '{"augment": "translation"}' --out classes/ --seeds 0 1 2

Every arm shows the same images. The source is the release `--source`; with a `--first-stage` it is a second stage, an
autoencoder of the first stage's codes, which is trained for each seed. A small classifier on the features of
`--metric`, trained on the training images, says which class it takes a sample for; another one learns from the samples
and is tested on held-out images (`cas`). `--tune` measures against a fifth of the training images, which it does not
learn from, in place of the held-out ones. Appends one JSON line an arm, seed and truncation to `OUT/classes.jsonl` and
keeps the weights; a line that is there is not measured again. Seed 0 writes a picture with a row of each class. The
arms `... at 0` are not trained at all.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import zoo
from zoo import plugins
from zoo._utils.tensors import pack, unpack
from zoo.config import from_plain
from zoo.data.batches import Batches
from zoo.data.grids import grid, png_bytes
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.pixels import to_uint8
from zoo.encoding.codes import samples_of
from zoo.encoding.first_stage import first_stage
from zoo.metrics.classifier import accuracy, train_classifier
from zoo.metrics.distances import kid
from zoo.metrics.evaluate import features_of
from zoo.metrics.manifolds import manifolds
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.training.trainer import seeded_step
from zoo.types import PartSpec

START = [PartSpec("decoder-init"), PartSpec("encoder-init")]
PRIOR, EMBEDDING, PROJECTION, AUXILIARY = (
    PartSpec(f"class-{name}") for name in ("prior", "embedding", "projection", "auxiliary")
)
ONE = PartSpec("class-prior", {"components": 1})
POOLED = PartSpec("gmm-prior", {"components": 120})
ARMS: dict[str, list[PartSpec]] = {
    "no classes": [*START, POOLED],
    "embedding, projection": [*START, POOLED, EMBEDDING, PROJECTION],
    "embedding, projection, auxiliary": [*START, POOLED, EMBEDDING, PROJECTION, AUXILIARY],
    "one Gaussian at 0": [*START, ONE],
    "prior at 0": [*START, PRIOR],
    "prior": [*START, PRIOR],
    "prior, projection": [*START, PRIOR, PROJECTION],
    "prior, auxiliary": [*START, PRIOR, AUXILIARY],
    "prior, projection, auxiliary": [*START, PRIOR, PROJECTION, AUXILIARY],
    "scratch": [PartSpec("scratch")],
    "scratch, embedding, projection": [PartSpec("scratch"), EMBEDDING, PROJECTION],
}
SAMPLES = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist5k")
    parser.add_argument("--source", default="dcgan.mnist5k")
    parser.add_argument("--size", type=int, help="of the images, with a first stage")
    parser.add_argument("--first-stage", help="a release; the GAN is of its codes")
    parser.add_argument("--second-stage", type=int, default=40_000, help="images that the second stage is shown")
    parser.add_argument("--code", type=int, default=64, help="values of a code of the second stage")
    parser.add_argument("--component", type=json.loads, default={"component": "dcgan"}, help="of the second stage")
    parser.add_argument("--metric", default="judge")
    parser.add_argument("--images", type=int, default=25_600)
    parser.add_argument("--training", type=json.loads, default={}, help="settings of the training, as JSON")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--arms", nargs="*", default=list(ARMS))
    parser.add_argument("--more", type=json.loads, default={}, help="further arms, {name: [{component, config}]}")
    parser.add_argument("--truncation", type=float, nargs="*", default=[1.0])
    parser.add_argument("--learn", type=int, default=SAMPLES, help="samples that a classifier learns from; 0: none")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("classes"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(given)
    arms = ARMS | {name: [PartSpec(**part) for part in parts] for name, parts in given.more.items()}
    for seed in given.seeds:
        for name in [*given.arms, *given.more]:
            bench.run(name, arms[name], seed)


class Bench:
    """The images, what measures samples, and the lines that are there."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self.lines = given.out / "classes.jsonl"
        self.stage = None
        if given.first_stage:
            autoencoder = zoo.load(given.first_stage).autoencoder
            assert autoencoder is not None
            self.stage = first_stage(autoencoder, given.data, size=given.size)
            images = open_images(given.data, like=self.stage.images)
        else:
            images = open_images(given.data, like=load_source(given).output)
        self.images = split_again(images) if given.tune else images
        self.samples = samples_of(self.images, self.stage)
        self.judge = Judge(self.images, given.metric)
        setting = {key: str(value) for key, value in vars(given).items() if key not in NOT_OF_A_RUN}
        self.key = hashlib.sha256(json.dumps(setting, sort_keys=True).encode()).hexdigest()[:8]
        self.facts = {"data": self.images.name, "tune": given.tune, "key": self.key}
        self.tell({"arm": "real", "seed": 0, "truncation": 1.0, **self.facts, **self.judge.real()})

    def run(self, name: str, parts: list[PartSpec], seed: int) -> None:
        """Train one arm, unless its weights are there, and measure it."""
        shown = 0 if name.endswith(" at 0") else self.given.images
        missing = [t for t in self.given.truncation if not self.told({"arm": name, "seed": seed, "truncation": t})]
        if not missing:
            return
        source, before = self.source(seed)
        began = time.process_time()
        net = {"first_stage": self.stage} if self.stage else {}
        gan = zoo.gan(like=source, data=self.samples.spec, seed=seed, **net)
        result = zoo.transfer(source, gan, parts, data=self.samples, seed=seed)
        file = self.given.out / f"{self.key}-{name.replace(', ', '-').replace(' ', '-')}-{seed}.safetensors"
        gan = self.trained(result, seed, shown, file)
        seconds = time.process_time() - began
        for truncation in missing:
            figures = self.judge.measure(gan, truncation, self.given.learn, seed)
            facts = {"arm": name, "seed": seed, "truncation": truncation, **self.facts, "shown": shown}
            self.tell({**facts, "seconds": round(seconds, 1), "source seconds": before, **figures})
        if seed == 0 and gan.condition is not None:
            names = gan.condition.classes
            asked = [kind for kind in names for _ in range(12)]
            drawn = gan.sample(len(asked), [(0, i) for i in range(12)] * len(names), classes=asked)
            file.with_suffix(".png").write_bytes(png_bytes(grid(to_uint8(drawn, gan.output), 12)))

    def trained(self, result: Any, seed: int, shown: int, file: Path) -> GAN:
        """The GAN with the moving average of its weights."""
        if shown == 0:
            return result.plan.gan.eval()  # type: ignore[no-any-return]
        training = from_plain(
            AdversarialTraining, {"images": shown, **self.given.training, **result.plan.recipe}, "training"
        )
        trainer = GANTrainer(result.plan, self.samples, training, seed)
        if not file.exists():
            batches = Batches(trainer.rows, training.batch, trainer.streams["data"])
            for at in range(0, shown, training.batch):
                seeded_step(trainer, batches.next(), at)
            file.write_bytes(pack(trainer.averaged_gan().state_dict(), {}))
        gan = trainer.averaged_gan().eval()
        gan.load_state_dict(unpack(file.read_bytes(), str(file)))
        return gan

    @functools.lru_cache(maxsize=1)  # noqa: B019
    def source(self, seed: int) -> tuple[Autoencoder, float]:
        """The autoencoder of the samples, and the CPU seconds that it took."""
        if self.stage is None:
            return load_source(self.given), 0.0
        began = time.process_time()
        part = PartSpec(**self.given.component)
        model = zoo.autoencoder(part, part, data=self.samples.spec, code_shape=self.given.code, seed=seed)
        model.first_stage = self.stage
        file = self.given.out / f"{self.key}-second-stage-{seed}.safetensors"
        if not file.exists():
            training = from_plain(AutoencoderTraining, {"images": self.given.second_stage}, "training")
            trainer = AutoencoderTrainer(model, self.samples.without_labels(), training, seed)
            batches = Batches(self.samples.train, training.batch, trainer.streams["data"])
            for at in range(0, self.given.second_stage, training.batch):
                seeded_step(trainer, batches.next(), at)
            file.write_bytes(pack(model.state_dict(), {}))
        model.load_state_dict(unpack(file.read_bytes(), str(file)))
        return model.eval(), round(time.process_time() - began, 1)

    def told(self, facts: dict[str, Any]) -> bool:
        """Whether there is a line with these facts, of these settings."""
        wanted = facts | {"key": self.key}
        rows = map(json.loads, self.lines.read_text("utf-8").splitlines()) if self.lines.exists() else ()
        return any(all(row.get(name) == value for name, value in wanted.items()) for row in rows)

    def tell(self, row: dict[str, Any]) -> None:
        """Write a line, unless it is there."""
        if self.told({name: row[name] for name in ("arm", "seed", "truncation")}):
            return
        print(json.dumps(row), flush=True)
        with self.lines.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")


NOT_OF_A_RUN = {"out", "arms", "more", "seeds", "truncation", "learn"}
"""The options that change which lines there are, and not what a line says."""


class Judge:
    """Measures samples in the features of a metric: against the held-out images, and by a classifier that learnt from
    the training images."""

    def __init__(self, images: ImageSet, metric: str) -> None:
        self.space: Any = plugins.build("metric", metric)
        self.spec = images.spec
        labels = images.conditions(torch.arange(len(images)))
        assert labels is not None
        assert images.spec.condition is not None
        self.classes = images.spec.condition.classes
        features = features_of(images.batch(torch.arange(len(images))), images.spec, self.space)
        self.learnt, self.learnt_labels = features[images.train], labels[images.train]
        self.held_out, self.labels = features[images.held_out], labels[images.held_out]
        self.net = train_classifier(self.learnt, self.learnt_labels, len(self.classes))

    def real(self) -> dict[str, Any]:
        """The figures of real images: the classifier's accuracy, KID and recall of training images."""
        right = self.net(self.held_out).argmax(1) == self.labels
        rows = torch.randperm(len(self.learnt), generator=torch.Generator().manual_seed(0))[:SAMPLES]
        return {
            "right": round(float(right.double().mean()), 4),
            "kid": round(kid(self.learnt[rows], self.held_out), 4),
            "recall": self._manifolds(self.learnt[rows], self.held_out)[1],
            "classes": {
                name: {
                    "right": round(float(right[self.labels == i].double().mean()), 3),
                    "recall": self._manifolds(self.learnt[self.learnt_labels == i], self.held_out[self.labels == i])[1],
                }
                for i, name in enumerate(self.classes)
            },
        }

    @torch.no_grad()
    def measure(self, gan: GAN, truncation: float, learn: int, seed: int) -> dict[str, Any]:
        """The figures of samples in the training images' shares; and of each class, of as many as are held out."""
        condition = gan.conditions(SAMPLES, seed=1)
        fake = self._features(gan, SAMPLES, 1, condition, truncation)
        precision, recall = self._manifolds(fake, self.held_out)
        figures = {"kid": round(kid(fake, self.held_out), 4), "precision": precision, "recall": recall}
        if condition is None:
            return figures
        own = self._features(gan, len(self.labels), 2, self.labels, truncation)
        both, asked = torch.cat([fake, own]), torch.cat([condition, self.labels])
        taken = self.net(both).argmax(1)
        classes = {}
        for i, name in enumerate(self.classes):
            as_taken = taken[asked == i].bincount(minlength=len(self.classes))
            wrong = as_taken.clone()
            wrong[i] = 0
            classes[name] = {
                "right": round(float(as_taken[i] / as_taken.sum()), 3),
                "recall": self._manifolds(own[self.labels == i], self.held_out[self.labels == i])[1],
                "taken for": self.classes[int(wrong.argmax())] if wrong.any() else "",
            }
        figures |= {"right": round(float((taken[:SAMPLES] == condition).double().mean()), 4)}
        figures |= {"worst": min(classes.values(), key=lambda one: one["right"])["right"]}  # type: ignore[dict-item]
        if learn:
            more = gan.conditions(learn, seed=3)
            x = self._features(gan, learn, 3, more, truncation)
            with torch.enable_grad():
                net = train_classifier(x, more, len(self.classes), seed)  # type: ignore[arg-type]
            figures |= {"cas": round(accuracy(net, self.held_out, self.labels), 4)}
        return {**figures, "classes": classes}

    def _features(self, gan: GAN, n: int, seed: int, condition: Tensor | None, truncation: float) -> Tensor:
        return features_of(gan.sample(n, seed, classes=condition, truncation=truncation), self.spec, self.space)

    @staticmethod
    def _manifolds(fake: Tensor, real: Tensor) -> tuple[float, float]:
        count = min(len(fake), len(real))
        found = manifolds(real[:count], fake[:count])
        return round(found.precision, 4), round(found.recall, 4)


def load_source(given: Any) -> Autoencoder:
    """The release's autoencoder."""
    source = zoo.load(given.source).autoencoder
    assert source is not None
    return source


def split_again(images: ImageSet) -> ImageSet:
    """The training images alone, a fifth of them held out."""
    order = images.train[torch.randperm(len(images.train), generator=torch.Generator().manual_seed(7))]
    fifth = len(order) // 5
    return replace(images, train=order[fifth:].sort().values, held_out=order[:fifth].sort().values)


if __name__ == "__main__":
    main()
