"""Every pair of strategies composes and trains, or is refused by name."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path

import pytest
import torch
from helpers import SHAPE, autoencoder
from strategy_matrix import names, page, paired, verdicts

import zoo
from zoo import plugins
from zoo.config import from_plain, settings_of
from zoo.data.batches import Batches
from zoo.data.open import open_images
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining
from zoo.types import PartSpec

CHEAP = {
    "gmm-prior": {"components": 2},
    "autoencoder-prior": {"components": 2},
    "decoder-distill": {"steps": 5},
    "flow-prior": {"steps": 5, "layers": 2, "width": 8},
    "denoising-features": {"steps": 5, "width": 8},
    "ewc": {"samples": 4},
    "recalibrated-norm": {"batches": 2, "batch": 8},
}


def test_the_matrix_in_the_docs_is_the_true_one() -> None:
    """Planning every pair on the meta device gives the page; each refusal names both strategies and the slot."""
    written = (Path(__file__).parent.parent / "docs" / "appendix" / "strategy-matrix.md").read_text("utf-8")
    assert written == page(), "run: python tests/strategy_matrix.py > docs/appendix/strategy-matrix.md"


def test_every_strategy_has_a_page_with_all_its_settings_and_no_page_is_left_over() -> None:
    """docs/strategies/NAME.md lists each setting with its default; the overview links it."""
    docs = Path(__file__).parent.parent / "docs"
    assert sorted(path.stem for path in (docs / "strategies").glob("*.md")) == names()
    for registered in plugins.components("transfer"):
        name = registered.component.name
        page = (docs / "strategies" / f"{name}.md").read_text("utf-8")
        for setting in settings_of(plugins.config_class(registered)):
            assert f"| `{setting.name}` |" in page, f"{name}: {setting.name}"
            assert f"`{setting.default}`" in page, f"{name}: {setting.name}"
        assert f"(strategies/{name}.md)" in (docs / "strategies.md").read_text("utf-8")


@pytest.mark.long
@pytest.mark.parametrize("arch", ["mlp", "dcgan"])
@pytest.mark.parametrize("first", paired())
def test_every_pair_that_composes_trains_twenty_steps(first: str, arch: str, images_file: Path) -> None:
    """Losses stay finite numbers for every partner, and so do the samples."""
    images, found, source = open_images(str(images_file), shape=SHAPE), verdicts(), autoencoder(arch)
    for pair in combinations(paired(), 2):
        if pair[0] != first or found[pair] != "yes":
            continue
        parts = [PartSpec(name, CHEAP.get(name, {})) for name in pair]
        transferred = zoo.transfer(source, zoo.gan(like=source, seed=1), parts, data=images)
        training = from_plain(AdversarialTraining, {"batch": 8, **transferred.plan.recipe}, "training")
        trainer = GANTrainer(transferred.plan, images, training, 0)
        batches = Batches(images.train, 8, trainer.streams["data"])
        for i in range(20):
            scalars = trainer.step(batches.next(), i * 8)
            assert all(math.isfinite(value) for value in scalars.values()), pair
        assert torch.isfinite(trainer.averaged_gan().sample(4)).all(), pair
