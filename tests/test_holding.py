"""A gradient far beyond what Adam remembers is held, where the recipe says so."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import autoencoder, states_equal
from torch import nn

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import ConfigError
from zoo.training import checkpoint
from zoo.training.optim import clip_to_second_moment
from zoo.training.run_dir import RunDirectory

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 64, "gradient_limit": 1.0}
RATE = 0.01


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file))


def walk(gradients: list[float], limit: float) -> tuple[list[float], list[float]]:
    """How far each gradient moves one weight, in learning rates, and whether it was held."""
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    adam = torch.optim.Adam([weight], RATE, (0.0, 0.999), fused=True)
    moves, held = [], []
    for gradient in gradients:
        weight.grad = torch.full_like(weight, gradient)
        held.append(clip_to_second_moment(adam, [weight], limit).item())
        before = weight.detach().clone()
        adam.step()
        moves.append(((before - weight.detach()) / RATE)[0].item())
    return moves, held


def test_an_outlier_moves_weights_by_the_limit_and_not_by_thirty_learning_rates() -> None:
    """After 2,000 gradients of 1 one of 1,000: 29 learning rates without a limit (beta2 0.999), 3 with one of 3."""
    usual = [1.0] * 2_000
    free, _ = walk([*usual, 1_000.0], limit=1e9)
    held, told = walk([*usual, 1_000.0], limit=3.0)
    assert free[-1] > 28
    assert held[-1] == pytest.approx(3.0, rel=0.01)
    assert told == [0.0] * 2_000 + [1.0]


def test_gradients_within_the_limit_are_untouched() -> None:
    gradients = [1.0, -2.0, 2.5, 0.1, -2.9]
    assert walk(gradients, limit=3.0) == (walk(gradients, limit=1e9)[0], [0.0] * 5)


def test_a_side_that_only_knew_zeros_is_not_held_still() -> None:
    """A hinge at rest: its first gradient must pass, and gradients that grow for good are followed."""
    moves, held = walk([0.0, 0.0, 1.0], limit=3.0)
    assert held == [0.0] * 3
    assert moves[-1] > 1
    moves, held = walk([1e-3] * 10 + [1.0] * 3_000, limit=3.0)
    assert held[10] == 1.0
    assert held[-1] == 0.0
    assert moves[-1] == pytest.approx(1.0, rel=0.1)


def test_all_weights_of_a_side_are_held_by_one_factor() -> None:
    """The direction of the gradient stays."""
    one, other = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(3))
    adam = torch.optim.Adam([one, other], RATE, (0.0, 0.999), fused=True)
    for scale in (1.0, 100.0):
        one.grad, other.grad = torch.full((2,), scale), torch.full((3,), 2 * scale)
        clip_to_second_moment(adam, [one, other], 3.0)
        adam.step()
    norm = (one.grad.square().sum() + other.grad.square().sum()).sqrt()
    assert norm.item() == pytest.approx(3 * (2 * 1 + 3 * 4) ** 0.5, rel=1e-4)
    assert torch.equal(other.grad[:2], 2 * one.grad)


def test_a_run_with_a_limit_tells_what_it_held_and_resumes_bit_for_bit(images: ImageSet, tmp_path: Path) -> None:
    """What is held follows from Adam's own state, so a checkpoint needs nothing more; and a run without a limit is
    another one."""

    def gan() -> zoo.GAN:
        return zoo.gan(like=autoencoder(seed=3))

    whole = zoo.train(gan(), images, out=tmp_path / "whole", images=192, training=SMALL)
    cut = zoo.train(gan(), images, out=tmp_path / "cut", images=128, training=SMALL)
    resumed = zoo.resume(cut.folder, override={"images": 192}, out=tmp_path / "resumed")
    free = zoo.train(gan(), images, out=tmp_path / "free", images=192, training={**SMALL, "gradient_limit": 0.0})
    assert states_equal(whole.gan, resumed.gan)
    assert not states_equal(whole.gan, free.gan)
    last = [checkpoint.load(checkpoint.latest_checkpoint(run.folder / "checkpoints"))[1] for run in (whole, resumed)]
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])
    ticks = RunDirectory(whole.folder).events("tick")
    assert any(tick["d_held"] + tick["g_held"] > 0 for tick in ticks)
    assert all(0 <= tick["g_held"] <= 1 for tick in ticks)
    assert not any("d_held" in tick for tick in RunDirectory(free.folder).events("tick"))


@pytest.mark.parametrize("limit", [-1.0, 0.5, float("inf"), float("nan")])
def test_a_limit_below_the_usual_norm_is_refused(limit: float, images: ImageSet, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gradient_limit"):
        zoo.train(zoo.gan(like=autoencoder()), images, out=tmp_path / "run", training={"gradient_limit": limit})
