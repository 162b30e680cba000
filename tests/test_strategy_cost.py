"""What strategies cost, counted in multiplications: no test asserts a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.networks.autoencoder import Autoencoder
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.types import PartSpec

SHAPE, WIDTH, BATCH = (1, 32, 32), 16, 8


class Counter(TorchDispatchMode):
    """Sums the floating-point operations of everything inside, by torch's formulas (two per multiplication)."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return open_images("mnist5k", shape=SHAPE, limit=64)


@pytest.fixture(scope="module")
def source() -> Autoencoder:
    net = PartSpec("dcgan", {"width": WIDTH})
    return zoo.autoencoder(net, net, shape=SHAPE, code_shape=64)


def multiplications(strategy: str, source: Autoencoder, images: ImageSet) -> int:
    """Floating-point operations of four steps, one of them with R1."""
    plan = zoo.transfer(source, zoo.gan(like=source), strategy, data=images).plan
    trainer = GANTrainer(plan, images, AdversarialTraining(batch=BATCH), 0)
    with Counter() as counter:
        for i in range(4):
            trainer.step(images.train[torch.arange(BATCH)], BATCH * i)
    return counter.total


@pytest.mark.parametrize(
    ("strategy", "least", "most"),
    [("feature-concat", 1.4, 1.55), ("recon-anchor", 1.3, 1.5), ("decoder-init+encoder-init+gmm-prior", 1.0, 1.0)],
)
def test_a_step_multiplies_no_more_than_its_page_says(
    strategy: str, least: float, most: float, source: Autoencoder, images: ImageSet
) -> None:
    """Relative to scratch: frozen features at most 1.55 times, a copy and a fitted prior nothing."""
    ratio = multiplications(strategy, source, images) / multiplications("scratch", source, images)
    assert least <= round(ratio, 2) <= most
