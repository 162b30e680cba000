"""Inversion, tuning, editing and filling of held-out images.

    python benchmarks/editing.py dcgan.mnist5k --data mnist5k --metric judge --seeds 0 1 2
    python benchmarks/editing.py runs/clothing --data clothing/ --metric efficientnet --what inversion tuning

A seed takes other held-out images, and other classes to edit them into. Prints one JSON line for each result: means
over all images of all seeds, with 95 % intervals of the mean by 1,000 bootstrap samples. Distances of features are
those of the feature space `--metric`, which no search uses, over the length of the features of the image itself.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from zoo._utils.seeds import stream
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.editing.directions import find_directions, of_attributes
from zoo.editing.filling import fill
from zoo.editing.inversion import invert
from zoo.editing.space import CodeSpace
from zoo.metrics.classifier import accuracy, train_classifier
from zoo.metrics.evaluate import feature_space, features_of
from zoo.training.api import open_model

STRENGTHS = [0.5, 0.75, 1.0, 1.25, 1.5, 2.0]


class Bench:
    """A model, its images, and features that are not its own."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.model: Any = open_model(given.release)
        self.space = CodeSpace(self.model)
        self.images: ImageSet = open_images(given.data, like=self.space.output)
        self.features_in = feature_space(given.metric, torch.device("cpu"))
        self.given = given

    def features(self, images: Tensor) -> Tensor:
        return features_of(images, self.space.output, self.features_in)

    def samples(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Seed, rows and images of each seed."""
        held_out = self.images.held_out
        for seed in self.given.seeds:
            rows = held_out[torch.randperm(len(held_out), generator=stream(seed, "rows"))[: self.given.images]]
            yield seed, rows, self.images.batch(rows)

    def distance(self, ours: Tensor, images: Tensor) -> Tensor:
        wanted = self.features(images)
        return (self.features(ours) - wanted).norm(dim=1) / wanted.norm(dim=1)

    def tell(self, what: str, **values: Any) -> None:
        rounded = {key: summary(v) if isinstance(v, Tensor) else v for key, v in values.items()}
        print(json.dumps({"release": self.given.release, "what": what, **rounded}), flush=True)


def summary(values: Tensor) -> list[float]:
    """The mean and its 95 % interval."""
    values = values.flatten().double()
    rows = torch.randint(len(values), (1000, len(values)), generator=stream(0, "bootstrap"))
    low, high = torch.quantile(values[rows].mean(1), torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return [round(number, 4) for number in (float(values.mean()), low, high)]


def psnr(ours: Tensor, images: Tensor, width: float, seen: Tensor | None = None) -> Tensor:
    error = ((ours - images) / width).square()
    if seen is None:
        return -10 * error.flatten(1).mean(1).log10()
    weights = seen.expand_as(error).float()
    return -10 * ((error * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)).log10()


def inversion(bench: Bench) -> None:
    """PSNR after steps from the encoder's code, and from the mean code."""
    curves: dict[str, list[Tensor]] = {}
    far: dict[str, list[Tensor]] = {}
    spent: dict[str, float] = {}
    for _, _, x in bench.samples():
        for name, how in {
            "encoder, 0": {"steps": 0},
            "encoder, 10": {"steps": 10},
            "encoder, 100": {"steps": 100},
            "encoder, 100, features too": {"steps": 100, "weight": 0.03},
            "encoder, 10, gauss-newton": {"steps": 10, "method": "gauss-newton"},
            "encoder, 300": {"steps": 300},
            "mean, 50": {"steps": 50, "start": "mean"},
            "mean, 100": {"steps": 100, "start": "mean"},
        }.items():
            began = time.process_time()
            found = invert(bench.model, x, **how)  # type: ignore[arg-type]
            spent[name] = spent.get(name, 0.0) + time.process_time() - began
            curves.setdefault(name, []).append(found.psnr)
            far.setdefault(name, []).append(bench.distance(found.images, x))
    joined = {name: torch.cat(parts) for name, parts in curves.items()}
    for name, values in joined.items():
        bench.tell("inversion", how=name, psnr=values, features=torch.cat(far[name]), n=len(values), cpu=spent[name])
    newton = joined["encoder, 10, gauss-newton"] - joined["mean, 100"]
    bench.tell("inversion", how="encoder, 10, gauss-newton, minus mean, 100", psnr=newton)
    bench.tell("inversion", how="encoder, 10, minus mean, 100", psnr=joined["encoder, 10"] - joined["mean, 100"])


def tuning(bench: Bench) -> None:
    """PSNR before and after tuning, one generator an image and one for all; and how much samples change."""
    width = bench.space.output.high - bench.space.output.low
    for together in (1, 8):
        before, after, change, far = [], [], [], []
        for seed, _, x in bench.samples():
            for part in x[: bench.given.tuned].split(together):
                found = invert(bench.model, part, steps=100, tune=True, seed=seed)
                before.append(found.searched)
                after.append(found.psnr)
                far.append(bench.distance(found.images, part))
                if bench.space.gan is not None:
                    drawn = bench.space.drawn(seed + 1, 32)
                    change.append(psnr(found.space.images(drawn), bench.space.images(drawn), width))
        gain = torch.cat(after) - torch.cat(before)
        samples = torch.cat(change) if change else None
        bench.tell(
            "tuning", together=together, searched=torch.cat(before), tuned=torch.cat(after), gain=gain,
            features=torch.cat(far), samples_kept_psnr=samples, n=len(gain),
        )  # fmt: skip


def editing(bench: Bench) -> None:
    """Classes that a classifier takes edited images for."""
    images, condition = bench.images, bench.images.spec.condition
    assert condition is not None, "editing of classes needs labels"
    every = torch.arange(len(images))
    labels = images.conditions(every)
    assert labels is not None
    features = torch.cat([bench.features(images.batch(part)) for part in every.split(512)])
    net = train_classifier(features[images.train], labels[images.train], condition.width)
    right = accuracy(net, features[images.held_out], labels[images.held_out])
    means = Means(bench, features, labels)
    for centres in (1, 16):
        found = find_directions(bench.model, images, centres=centres, name=bench.given.release)
        rows_of: dict[float, list[Tensor]] = {strength: [] for strength in STRENGTHS}
        for seed, rows, x in bench.samples():
            own = labels[rows]
            known = torch.tensor([condition.classes[k] in found.names for k in range(condition.width)])
            shift = torch.randint(1, int(known.sum()), (len(own),), generator=stream(seed, "targets"))
            target = (own + shift) % condition.width
            inverted = invert(bench.model, x, steps=10)
            moves = torch.cat([
                found.moves(condition.classes[to], code[None])
                for to, code in zip(target.tolist(), inverted.codes, strict=True)
            ])  # fmt: skip
            edited = inverted.edited(moves, STRENGTHS)
            for i, strength in enumerate(STRENGTHS):
                codes = inverted.codes + strength * moves
                rows_of[strength].append(means.judged(net, edited[:, i], x, codes, inverted.codes, own, target))
        table = torch.stack([torch.cat(parts) for parts in rows_of.values()])  # (S, N, columns)
        for strength, values in zip(STRENGTHS, table, strict=True):
            bench.tell("editing", centres=centres, strength=strength, right=round(right, 4), **means.named(values))
        first = (table[:, :, 0] > 0).float().argmax(0)  # the least strength that flips, else the first
        least = table.gather(0, first[None, :, None].expand(1, -1, table.shape[2]))[0]
        bench.tell("editing", centres=centres, strength="the least that flips, of those above", **means.named(least))


class Means:
    """What edited images are compared with: class means as pixels, features and codes."""

    columns = ("flipped", "nearer_in_pixels", "nearer_in_features", "nearer_in_codes", "other_classes", "brightness")

    def __init__(self, bench: Bench, features: Tensor, labels: Tensor) -> None:
        self.bench = bench
        train, kinds = bench.images.train, labels[bench.images.train]
        x = bench.images.batch(train)
        codes = torch.cat([bench.space.encode(part) for part in x.split(256)])
        count = int(labels.max()) + 1
        self.pixels, self.features, self.codes = (
            torch.stack([values[kinds == k].mean(0) for k in range(count)]) for values in (x, features[train], codes)
        )
        self.spread = x.flatten(1).mean(1).std()

    def judged(
        self, net: Any, edited: Tensor, x: Tensor, codes: Tensor, before: Tensor, own: Tensor, target: Tensor
    ) -> Tensor:
        """(N, columns)."""
        features = self.bench.features(edited)
        shares = net(features).softmax(1).detach()
        rows = torch.arange(len(x))

        def nearer(ours: Tensor, theirs: Tensor, means: Tensor) -> Tensor:
            return (ours - theirs).flatten(1).norm(dim=1) < (ours - means[target]).flatten(1).norm(dim=1)

        columns = (
            shares.argmax(1) == target,
            nearer(edited, x, self.pixels),
            nearer(features, self.bench.features(x), self.features),
            nearer(codes, before, self.codes),
            1 - shares[rows, own] - shares[rows, target],
            (edited.flatten(1).mean(1) - x.flatten(1).mean(1)).abs() / self.spread,
        )
        return torch.stack([column.float() for column in columns], 1)

    def named(self, values: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.columns, values.T, strict=True))


def attributes(bench: Bench) -> None:
    """The direction of each of three attributes that are measured in images: how much an edit by one standard deviation
    changes it and the others, with the others' change projected out, and without."""
    train = bench.images.batch(bench.images.train)
    codes = torch.cat([bench.space.encode(part) for part in train.split(256)])
    values = measured(train)
    spread = values.std(0)
    names = ("brightness", "slant", "width")
    ways: dict[str, Callable[[], dict[str, Tensor]]] = {
        "projected": lambda: of_attributes(codes, values, names),
        "each alone": lambda: {
            name: of_attributes(codes, values[:, i : i + 1], (name,))[name] for i, name in enumerate(names)
        },
    }
    for way, find in ways.items():
        for i, (name, direction) in enumerate(find().items()):
            changes = []
            for _, _, x in bench.samples():
                found = invert(bench.model, x, steps=10)
                moved = found.edited(direction.expand_as(found.codes), [-1.0, 1.0])
                changes.append((measured(moved[:, 1]) - measured(moved[:, 0])) / spread / 2)
            change = torch.cat(changes)
            others = torch.cat([change[:, :i], change[:, i + 1 :]], 1)
            leakage = others.mean(0).abs().max() / change[:, i].mean()
            bench.tell("attributes", way=way, name=name, wanted=change[:, i], leakage=round(float(leakage), 3))


def measured(images: Tensor) -> Tensor:
    """Brightness, slant (covariance of x and y over the variance of y) and width (standard deviation in x), (N, 3)."""
    ink = images.mean(1) - images.mean(1).amin((1, 2), keepdim=True) + 1e-6
    ink = ink / ink.sum((1, 2), keepdim=True)
    y, x = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in ink.shape[1:]), indexing="ij")
    mean = {name: (ink * axis).sum((1, 2))[:, None, None] for name, axis in (("x", x), ("y", y))}
    dx, dy = x - mean["x"], y - mean["y"]
    var_y, var_x = (ink * dy * dy).sum((1, 2)), (ink * dx * dx).sum((1, 2))
    return torch.stack([images.flatten(1).mean(1), (ink * dx * dy).sum((1, 2)) / var_y, var_x.sqrt()], 1)


def filling(bench: Bench) -> None:
    """The hidden middle (a third of each side) and the hidden right half: PSNR of what is put there, beside the mean
    colour of the visible part, and the training images' mean."""
    spec = bench.space.output
    _, height, width = spec.shape
    mean = bench.images.batch(bench.images.to_fit()).mean(0)
    span = spec.high - spec.low
    for name, (rows, columns) in {
        "middle": (slice(height // 3, 2 * height // 3), slice(width // 3, 2 * width // 3)),
        "right half": (slice(0, height), slice(width // 2, width)),
    }.items():
        hidden = torch.zeros(1, 1, height, width, dtype=torch.bool)
        hidden[..., rows, columns] = True
        parts: dict[str, list[Tensor]] = {}
        for _, _, x in bench.samples():
            seen = (~hidden).float()
            colour = (x * seen).sum((2, 3), keepdim=True) / seen.sum()
            ways = {"mean colour": colour.expand_as(x), "mean image": mean.expand_as(x)}
            for weight in bench.given.prior_weights:
                found = fill(bench.model, x, hidden.expand(len(x), -1, -1, -1), weight=weight)
                ways[f"search, prior weight {weight:g}"] = found.generated
            for way, made in ways.items():
                parts.setdefault(way, []).append(psnr(made, x, span, hidden))
        for way, values in parts.items():
            bench.tell("filling", hidden=name, how=way, psnr=torch.cat(values))


WHAT = {
    "inversion": inversion,
    "tuning": tuning,
    "editing": editing,
    "attributes": attributes,
    "filling": filling,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release")
    parser.add_argument("--data", required=True)
    parser.add_argument("--metric", default="judge")
    parser.add_argument("--images", type=int, default=48, help="held-out images a seed")
    parser.add_argument("--tuned", type=int, default=8, help="of these, how many are tuned to")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--prior-weights", type=float, nargs="*", default=[0.0, 0.002])
    parser.add_argument("--what", nargs="*", choices=list(WHAT), default=list(WHAT))
    given = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(given)
    for what in given.what:
        began = time.process_time()
        WHAT[what](bench)
        bench.tell(what, seconds=round(time.process_time() - began, 1))


if __name__ == "__main__":
    main()
