"""Train the classifier of the feature space `judge` on the three bundled data sets; write its weights, print their pin.

    python plugins/starter/tools/train_judge.py --out plugins/starter/zoo_starter/judge.safetensors

The same seed, thread count and torch build give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional
from zoo_starter.config import DatasetConfig
from zoo_starter.datasets import BundledDataset, emoji_noto64, glyphs_sans32, mnist5k
from zoo_starter.judge import ClassifierNet

_SETS = {"mnist5k": (mnist5k, 0), "glyphs-sans32": (glyphs_sans32, 10), "emoji-noto64": (emoji_noto64, 72)}
_SHARES = {"mnist5k": 0.25, "glyphs-sans32": 0.55, "emoji-noto64": 0.20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3400)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)

    sets = {name: _at_32(build(DatasetConfig()), first) for name, (build, first) in _SETS.items()}
    net = _train(sets, options.steps, options.batch, options.seed)
    _standardise(net, sets)
    for name, (images, labels, train) in sets.items():
        print(f"{name}: {100 * _accuracy(net, images[~train], labels[~train]):.1f} % of {int((~train).sum())} held out")
    content = save({key: value.contiguous() for key, value in net.state_dict().items()})
    options.out.write_bytes(content)
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {len(content):,} bytes")
    print(f'WEIGHTS_SHA256 = "{hashlib.sha256(content).hexdigest()}"')


def _at_32(dataset: BundledDataset, first_class: int) -> tuple[Tensor, Tensor, Tensor]:
    """Images `(N, 3, 32, 32)` in [-1, 1], labels counted from `first_class`, the mask of training rows."""
    x = torch.from_numpy(dataset.images).float()
    x = x.permute(0, 3, 1, 2) if x.dim() == 4 else x[:, None]
    if x.shape[2] < 32:
        x = functional.pad(x, [(32 - x.shape[3]) // 2] * 2 + [(32 - x.shape[2]) // 2] * 2)
    if x.shape[2] > 32:
        x = functional.interpolate(x, (32, 32), mode="bilinear", antialias=True, align_corners=False)
    return (
        (x / 127.5 - 1).expand(-1, 3, -1, -1).contiguous(),
        torch.from_numpy(dataset.labels) + first_class,
        torch.from_numpy(dataset.train),
    )


def _train(sets: dict[str, tuple[Tensor, Tensor, Tensor]], steps: int, batch: int, seed: int) -> ClassifierNet:
    rng = torch.Generator().manual_seed(seed)
    net = ClassifierNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda i: min((i + 1) / 100, 0.5 * (1 + math.cos(math.pi * i / steps)))
    )
    rows = {name: train.nonzero().squeeze(1) for name, (_, _, train) in sets.items()}
    began = time.perf_counter()
    for step in range(steps):
        images, labels = [], []
        for name, share in _SHARES.items():
            batch_rows = rows[name][torch.randint(len(rows[name]), (round(share * batch),), generator=rng)]
            images.append(_augment(sets[name][0][batch_rows], rng))
            labels.append(sets[name][1][batch_rows])
        raw = net.raw(torch.cat(images).contiguous(memory_format=torch.channels_last))
        dropout = torch.rand(raw.shape, generator=rng) > 0.2
        loss = functional.cross_entropy(net.head(raw * dropout / 0.8), torch.cat(labels), label_smoothing=0.05)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step}  loss {loss.item():.3f}  {time.perf_counter() - began:.0f} s", flush=True)
    return net.to(memory_format=torch.contiguous_format)


def _augment(x: Tensor, rng: torch.Generator) -> Tensor:
    """Shift by up to 2.5 px, rotate by up to 10 degrees, scale within 12 %; add noise to half of the images."""
    n = len(x)
    angle, size = _uniform(n, math.pi / 18, rng), 1 + _uniform(n, 0.12, rng)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = size * angle.cos()
    theta[:, 0, 1], theta[:, 1, 0] = -size * angle.sin(), size * angle.sin()
    theta[:, :, 2] = torch.stack([_uniform(n, 5 / 32, rng), _uniform(n, 5 / 32, rng)], 1)
    grid = functional.affine_grid(theta, list(x.shape), align_corners=False)
    transformed = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    noise = torch.randn(transformed.shape, generator=rng) * 0.1 * torch.rand(n, 1, 1, 1, generator=rng)
    return transformed + noise * (torch.rand(n, 1, 1, 1, generator=rng) < 0.5)


def _uniform(n: int, most: float, rng: torch.Generator) -> Tensor:
    return (2 * torch.rand(n, generator=rng) - 1) * most


@torch.no_grad()
def _standardise(net: ClassifierNet, sets: dict[str, tuple[Tensor, Tensor, Tensor]]) -> None:
    """Set the features' mean and standard deviation over all training images; each data set has the same weight."""
    per_set = [
        torch.cat([net.raw(part) for part in torch.split(x[train], 512)]).double() for x, _, train in sets.values()
    ]
    mean = torch.stack([f.mean(0) for f in per_set]).mean(0)
    variance = torch.stack([(f - mean).square().mean(0) for f in per_set]).mean(0)
    net.mean.copy_(mean)
    net.std.copy_(variance.sqrt().clamp_min(1e-3))


@torch.no_grad()
def _accuracy(net: ClassifierNet, images: Tensor, labels: Tensor) -> float:
    guesses = torch.cat([net.head(net.raw(part)).argmax(1) for part in torch.split(images, 512)])
    return (guesses == labels).float().mean().item()


if __name__ == "__main__":
    main()
