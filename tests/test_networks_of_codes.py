"""What learns images also learns codes (c, h, w) of a first stage: networks, strategies, losses; no special case."""

from __future__ import annotations

import pytest
import torch
from test_strategies import CHEAP, STRATEGIES

import zoo
from zoo import plugins
from zoo.config import from_plain
from zoo.data.images import ImageSet
from zoo.errors import ConfigError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.networks.types import Discriminator
from zoo.training.autoencoder import AutoencoderTrainer
from zoo.training.gan import GANTrainer
from zoo.training.recipe import AdversarialTraining, AutoencoderTraining
from zoo.transfers.plan import TransferPlan
from zoo.types import DataSpec, PartSpec, Scaling

CODES = DataSpec((3, 8, 8), kind="code", bounded=False, scaling=Scaling((0.1, -0.2, 0.3), (0.5, 1.5, 2.0)))
SMALL = PartSpec("r3gan", {"width": 4})
NETWORKS = {
    "dcgan": PartSpec("dcgan", {"width": 4}),
    "mlp": PartSpec("mlp", {"widths": [8]}),
    "r3gan": SMALL,
    "spatial": PartSpec("spatial", {"width": 4, "factor": 2}),
}
OBJECTIVES = ("hinge", "least-squares", "non-saturating", "relativistic", "wasserstein")
AUTOENCODER_OBJECTIVES = ("aae", "ae", "rae", "vae", "vae-gan", "wae-mmd")
PENALTIES = ("consistency", "gradient-penalty", "r1", "r1-r2", "r2")


@pytest.fixture(scope="module")
def samples() -> ImageSet:
    """64 standardised codes."""
    rng = torch.Generator().manual_seed(0)
    offset, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (CODES.scaling.offset, CODES.scaling.scale))  # type: ignore[union-attr]
    stored = offset + scale * torch.randn(64, 3, 8, 8, generator=rng)
    return ImageSet("codes", CODES, stored, None, torch.arange(48), torch.arange(48, 64), "CC0-1.0", "")


def gan(generator: PartSpec = SMALL, discriminator: PartSpec = SMALL, code_shape: tuple[int, ...] = (6,)) -> GAN:
    return zoo.gan(generator, discriminator, data=CODES, code_shape=code_shape)


def second_stage() -> Autoencoder:
    return zoo.autoencoder(SMALL, SMALL, data=CODES, code_shape=6).eval()


def assert_trains(plan: TransferPlan, samples: ImageSet, **settings: object) -> None:
    training = from_plain(AdversarialTraining, {"batch": 8, "images": 64, **plan.recipe, **settings}, "training")
    trainer = GANTrainer(plan, samples, training, 0)
    for i in range(2):
        scalars = trainer.step(torch.arange(8) + 8 * i, 8 * i)
        assert all(torch.isfinite(torch.as_tensor(value)).all() for value in scalars.values()), scalars
    assert trainer.averaged_gan().sample(3).shape == (3, *CODES.shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_makes_and_judges_codes_beyond_the_range_of_images(name: str, samples: ImageSet) -> None:
    part = NETWORKS[name]
    model = gan(part, part, (3, 4, 4) if name == "spatial" else (6,))
    assert isinstance(model.discriminator, Discriminator)
    assert_trains(TransferPlan(model), samples)
    with torch.no_grad():
        for weight in (weight for weight in model.generator.parameters() if weight.dim() > 1):
            weight.mul_(5)
        wide = model.generator(torch.randn(8, *model.code_shape))
    assert wide.abs().max() > 1.5, "an activation of images holds the codes within [-1, 1]"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_transfers_from_an_autoencoder_of_codes(strategy: str, samples: ImageSet) -> None:
    source = second_stage()
    part = PartSpec(strategy, CHEAP.get(strategy, {}))
    assert_trains(zoo.transfer(source, zoo.gan(like=source, seed=1), [part], data=samples).plan, samples)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_an_objective_compares_codes(objective: str, samples: ImageSet) -> None:
    assert_trains(TransferPlan(gan()), samples, objective=objective)


@pytest.mark.parametrize("objective", AUTOENCODER_OBJECTIVES)
def test_an_autoencoder_of_codes_trains_with_every_objective(objective: str, samples: ImageSet) -> None:
    trainer = AutoencoderTrainer(second_stage(), samples, AutoencoderTraining(batch=8, objective=objective), 0)
    assert all(torch.isfinite(value) for value in trainer.step(torch.arange(8), 0).values())


@pytest.mark.parametrize("penalty", PENALTIES)
def test_a_penalty_is_of_codes(penalty: str, samples: ImageSet) -> None:
    assert_trains(TransferPlan(gan()), samples, regulariser=penalty)


@pytest.mark.parametrize("kind", ["translation", "cutout", "translation+cutout"])
def test_codes_are_shifted_and_cut_like_pixels(kind: str, samples: ImageSet) -> None:
    assert_trains(TransferPlan(gan()), samples, augment=kind)


def test_colours_of_codes_are_not_augmented(samples: ImageSet) -> None:
    with pytest.raises(ConfigError, match="the channels of a code are no colours"):
        assert_trains(TransferPlan(gan()), samples, augment="colour")


def test_every_objective_and_penalty_of_the_core_is_tried_here() -> None:
    """A new one is added to the lists above."""
    known = {
        kind: {r.component.name for r in plugins.components(kind) if r.plugin.name == "core"}
        for kind in ("objective", "regulariser")
    }
    assert known["regulariser"] == set(PENALTIES)
    assert known["objective"] - {"perceptual"} == {*OBJECTIVES, *AUTOENCODER_OBJECTIVES}
