"""The recipes of the baselines, `recipes/baselines/`: their networks, losses and strategies fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoo.networks.autoencoder import Autoencoder
from zoo.training.autoencoder import check_objective
from zoo.training.recipe import read_recipe
from zoo.training.recipe_models import compose_autoencoder, compose_gan
from zoo.training.task import losses_of, with_requests
from zoo.transfers.apply import outline
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec

RECIPES = sorted((Path(__file__).parent.parent / "recipes" / "baselines").glob("*.toml"))
PHOTOS = DataSpec((3, 64, 64))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipe_of_a_baseline_fits_together(path: Path) -> None:
    """Composed on the meta device, as before a run."""
    recipe = read_recipe(path)
    assert recipe.gan is not None
    source: Autoencoder | None = None
    if recipe.autoencoder is not None:
        source = compose_autoencoder(recipe.autoencoder, PHOTOS, 0, "meta")
        check_objective(source, recipe.autoencoder.training)
    gan = compose_gan(recipe.gan, PHOTOS, source, 0, "meta")
    plan = TransferPlan(gan)
    if recipe.transfer is not None:
        assert source is not None
        plan = outline(source, gan, recipe.transfer.strategies)
    assert with_requests({}, plan) is not None
    losses = losses_of(plan, recipe.gan.training)
    assert bool(losses.augmentation.kinds) == (recipe.gan.training.augment != "none")


def test_there_is_a_recipe_for_each_baseline() -> None:
    assert {path.stem for path in RECIPES} == {"ada", "fastgan", "latent-gan", "projected", "vae-prior"}
