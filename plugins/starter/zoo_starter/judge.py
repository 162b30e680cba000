"""The feature space `judge`: KID and FID are measured in the features of a small classifier.

The classifier was trained on the labels of the three bundled data sets at once (one softmax over 10 digits, 62 glyphs
and 8 emoji categories). No GAN or autoencoder of the zoo is trained with it, so it can be used to evaluate them. Its
features say little about other images, such as photographs.

Accuracy on held-out rows, as printed by `tools/train_judge.py` (3,400 steps, seed 0):

    mnist5k: 98.6 % of 1000 held out
    glyphs-sans32: 90.3 % of 3136 held out
    emoji-noto64: 69.6 % of 326 held out
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from zoo.plugin import DataError, IntegrityError
from zoo_starter.config import JudgeConfig

__all__ = ["WEIGHTS_SHA256", "ClassifierNet", "Judge"]

WEIGHTS_SHA256 = "8432edf722ed137ddd6cd27ea4bced84d8ce5a3ea308653b6e9c9145054f2c78"
_WEIGHTS = Path(__file__).parent / "judge.safetensors"
_REPAIR = "Repair: pip install --force-reinstall zoo-starter"


class ClassifierNet(nn.Module):
    """Images `(N, C, H, W)` in [-1, 1] -> features `(N, 128)`, standardised; `head` -> logits `(N, 80)`.

    With GroupNorm and without dropout, train and eval mode give the same values, for any batch.
    """

    dim = 128
    classes = 80
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *_block(3, 24, stride=1),  # 32 x 32
            *_block(24, 48, stride=2),  # 16 x 16
            *_block(48, 64, stride=1),
            *_block(64, 96, stride=2),  # 8 x 8
            *_block(96, 96, stride=2),  # 4 x 4
            nn.Flatten(),
            nn.Linear(96 * 4 * 4, self.dim),
        )
        self.head = nn.Linear(self.dim, self.classes)
        self.register_buffer("mean", torch.zeros(self.dim))
        self.register_buffer("std", torch.ones(self.dim))

    def raw(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` in [-1, 1] -> features `(N, 128)` before standardisation."""
        out: Tensor = functional.silu(self.trunk(_three_by_32(images)))
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` in [-1, 1] -> features `(N, 128)`, with mean 0 and standard deviation 1 over the
        training images."""
        return (self.raw(images) - self.mean) / self.std


class Judge(nn.Module):
    """A `zoo.plugin.FeatureSpace` with the weights that come with the package.

    Raises IntegrityError if the file of weights is missing, or if it is not the one pinned in this module.
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.sha256 = WEIGHTS_SHA256
        self.dim = ClassifierNet.dim
        self.net = ClassifierNet()
        self.net.load_state_dict(_pinned_weights())
        self.net.requires_grad_(False).eval()

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` in [-1, 1], any C, H and W -> `(N, 128)` float32, on the classifier's device.

        One channel is repeated, three are taken as RGB, any other number is averaged to grey.
        """
        if images.dim() != 4:
            raise DataError(
                f"the judge measures images (N, C, H, W), got a tensor of shape {list(images.shape)}",
                "Vectors need a metric component of their own.",
            )
        out: Tensor = self.net(images.to(self.net.mean.device, torch.float32))
        return out


def _block(before: int, after: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.GroupNorm(8, after), nn.SiLU()


def _three_by_32(images: Tensor) -> Tensor:
    if images.shape[1] not in (1, 3):
        images = images.mean(1, keepdim=True)
    if images.shape[2:] != (32, 32):
        images = functional.interpolate(images, (32, 32), mode="bilinear", antialias=True, align_corners=False)
    return images.expand(-1, 3, -1, -1)


def _pinned_weights() -> dict[str, Tensor]:
    try:
        content = _WEIGHTS.read_bytes()
    except OSError as error:
        raise IntegrityError(f"the judge's weights cannot be read: {error}", _REPAIR) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise IntegrityError(
            f"the judge's weights have sha256 {digest[:12]}, zoo-starter pins {WEIGHTS_SHA256[:12]}", _REPAIR
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise IntegrityError(f"the judge's weights are not safetensors: {error}", _REPAIR) from error
