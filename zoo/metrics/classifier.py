"""A small classifier on the features of a frozen network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from zoo._utils.seeds import seeded

__all__ = ["accuracy", "train_classifier"]

_WIDTH = 256
_STEPS = 1_500
_BATCH = 128


def train_classifier(features: Tensor, labels: Tensor, classes: int, seed: int = 0) -> nn.Module:
    """A network of one hidden layer from features (N, d) to logits (N, classes), trained on `labels` (N,) with AdamW
    and dropout; every class counts alike, however many images it has. In eval mode."""
    present = labels.bincount(minlength=classes).double()
    weights = torch.where(present > 0, 1 / present.clamp(min=1), 0.0)[labels]
    with seeded(seed, "classifier", "cpu"), torch.enable_grad():
        layers = [nn.Linear(features.shape[1], _WIDTH), nn.SiLU(), nn.Dropout(0.5), nn.Linear(_WIDTH, classes)]
        net = nn.Sequential(*layers)
        adam = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-2)
        for _ in range(_STEPS):
            rows = torch.multinomial(weights, _BATCH, replacement=True)
            loss = functional.cross_entropy(net(features[rows]), labels[rows])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    return net.eval()


@torch.no_grad()
def accuracy(classifier: nn.Module, features: Tensor, labels: Tensor) -> float:
    """The share of features (N, d) that it takes for their class (N,)."""
    return float((classifier(features).argmax(1) == labels).double().mean())
