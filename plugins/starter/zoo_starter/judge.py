"""The judge: a small classifier in whose features distances between image sets are measured.

It learnt the labels of the training rows of all three bundled sets at once (one softmax over 10 digits, 62
glyphs and 8 emoji categories). No GAN, autoencoder or discriminator of the zoo uses it, so that it may judge
them. It knows nothing else: on natural photographs it is a weak judge.

Accuracy on rows that it did not learn from, as `tools/train_judge.py` printed it (3,400 steps, seed 0):

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

__all__ = ["WEIGHTS_SHA256", "Judge", "JudgeNet"]

WEIGHTS_SHA256 = "8432edf722ed137ddd6cd27ea4bced84d8ce5a3ea308653b6e9c9145054f2c78"
_WEIGHTS = Path(__file__).parent / "judge.safetensors"
_REPAIR = "Repair: pip install --force-reinstall zoo-starter"


class JudgeNet(nn.Module):
    """Images `(N, C, H, W)` in [-1, 1] -> features `(N, 128)`, standardised; `head` -> logits `(N, 80)`.

    GroupNorm only, no dropout: training and evaluation mode give the same values, in any batch.
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
        """The features before they are standardised, `(N, 128)`."""
        out: Tensor = functional.silu(self.trunk(_three_by_32(images)))
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Features with mean 0 and deviation 1 over the training images, `(N, 128)`."""
        return (self.raw(images) - self.mean) / self.std


class Judge(nn.Module):
    """A `zoo.metrics.types.FeatureSpace` with the weights that came with the package.

    Raises IntegrityError when the file of weights is missing or not the one pinned in this module.
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.sha256 = WEIGHTS_SHA256
        self.dim = JudgeNet.dim
        self.net = JudgeNet()
        self.net.load_state_dict(_pinned_weights())
        self.net.requires_grad_(False).eval()

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Images `(N, C, H, W)` in [-1, 1], any C, H and W -> `(N, 128)` float32, on the judge's device.

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
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise IntegrityError(
            f"the judge's weights have sha256 {found[:12]}, zoo-starter pins {WEIGHTS_SHA256[:12]}", _REPAIR
        )
    try:
        return load(content)
    except SafetensorError as error:
        raise IntegrityError(f"the judge's weights are not safetensors: {error}", _REPAIR) from error
