"""ADA's transformations: each against what it does to an image, together as the choice `ada` of a run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder
from torch import Tensor

import zoo
from zoo.errors import ConfigError
from zoo.losses import ada
from zoo.losses.augmentation import Augmentation, augment, draw, parse
from zoo.training.recipe import AdversarialTraining
from zoo.types import DataSpec

RGB = DataSpec((3, 8, 8))
WIDE = DataSpec((1, 6, 8))


def images(n: int, data: DataSpec = RGB, seed: int = 0) -> Tensor:
    return torch.rand(n, *data.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def drawn(kinds: str, n: int, p: float, data: DataSpec = RGB) -> Any:
    return draw(parse(kinds), n, data, torch.Generator().manual_seed(1), p)


def moved(x: Tensor, matrix: list[list[float]]) -> Tensor:
    return ada.transform(x, ada.Transforms(torch.tensor([matrix]).expand(len(x), 3, 3), None))


def test_matrices_move_pixels_as_numpy_does() -> None:
    """Mirror, quarter turn, shift over a mirrored edge, and half a pixel, each exactly."""
    x = images(2)
    mirrored = moved(x, [[-1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(mirrored, x.flip(3))
    turned = moved(x, [[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.allclose(turned, np.rot90(x.numpy(), -1, (2, 3))) or np.allclose(turned, np.rot90(x.numpy(), 1, (2, 3)))
    shifted = moved(x, [[1.0, 0, 2], [0, 1, -1], [0, 0, 1]])
    torch.testing.assert_close(shifted[:, :, 1:, :6], x[:, :, :-1, 2:])
    torch.testing.assert_close(shifted[:, :, 1:, 6:], x[:, :, :-1, 6:].flip(3))
    half = moved(x, [[1.0, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    torch.testing.assert_close(half[..., :-1], (x[..., :-1] + x[..., 1:]) / 2)


def test_blitting_gives_exact_pixels_in_one_of_eight_positions() -> None:
    """At most shifts of one pixel in eight; a picture that is not square is never turned by a quarter."""
    x = images(200)
    y = augment(x, drawn("ada-blit", 200, 1.0), RGB)
    found = set()
    for i in range(len(x)):
        for number in range(8):
            expected = np.rot90(x[i].numpy(), number % 4, (1, 2))
            expected = expected[:, :, ::-1] if number > 3 else expected
            if np.allclose(expected[:, 2:-2, 2:-2], y[i, :, 2:-2, 2:-2], atol=1e-5):
                found.add(number)
    assert found == set(range(8))
    wide = images(100, WIDE)
    result = augment(wide, drawn("ada-blit", 100, 1.0, WIDE), WIDE)
    rows = torch.stack([wide, wide.flip(3), wide.flip(2), wide.flip((2, 3))], 1)[..., 2:-2, 2:-2]
    near = (rows - result[:, None, :, 2:-2, 2:-2]).abs().amax((2, 3, 4)) < 1e-5
    assert 0.2 < near.any(1).float().mean() < 1  # those that are not shifted


def test_each_transformation_has_the_probability_on_its_own() -> None:
    """Of five colour changes at p = 0.3 a share of 1 - 0.7^3.5 changes an image (an inversion is drawn half the time);
    of the rotations of geometry one share of p."""
    n = 4000
    colours = drawn("ada-colour", n, 0.3).transforms.colours
    changed = (colours - torch.eye(4)).abs().amax((1, 2)) > 1e-5
    assert changed.float().mean().item() == pytest.approx(1 - 0.7**4 * 0.85, abs=0.03)
    places = drawn("ada-geometry", n, 0.3).transforms.places
    rotated = places[:, 0, 1].abs() > 1e-6
    assert rotated.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(augment(images(5), drawn("ada", 5, 0.0), RGB), images(5))


def test_scales_have_the_papers_spread() -> None:
    """log2 of the area's factor is twice the isotropic scale's N(0, 0.2^2)."""
    places = drawn("ada-geometry", 4000, 1.0).transforms.places
    areas = torch.linalg.det(places[:, :2, :2]).log2()
    assert areas.mean().item() == pytest.approx(0, abs=0.03)
    assert areas.std().item() == pytest.approx(0.4, abs=0.03)


def test_colours_keep_what_they_must() -> None:
    """A rotation of the hue and a saturation keep grey; brightness moves all values alike; an inversion of the luma
    twice is nothing."""
    grey = torch.full((1, 3, 2, 2), 0.4)
    turn = ada._hue(torch.tensor([2.0]))
    torch.testing.assert_close(ada.transform(grey, ada.Transforms(None, turn)), grey)
    torch.testing.assert_close(turn @ turn.mT, torch.eye(4)[None])
    colours = drawn("ada-colour", 2000, 1.0).transforms.colours
    same = colours[:, :3] @ torch.tensor([0.4, 0.4, 0.4, 1.0])
    torch.testing.assert_close(same[:, 0], same[:, 1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(same[:, 0], same[:, 2], atol=1e-4, rtol=1e-4)
    assert (same[:, 0] < 0.0).float().mean().item() == pytest.approx(0.5, abs=0.06)  # inverted
    one = images(50, WIDE)
    repeated = DataSpec((3, 6, 8))
    as_grey = augment(one, drawn("ada-colour", 50, 1.0, WIDE), WIDE)
    as_colour = augment(one.expand(-1, 3, -1, -1), drawn("ada-colour", 50, 1.0, repeated), repeated)
    torch.testing.assert_close(as_grey, as_colour.mean(1, keepdim=True), atol=1e-4, rtol=1e-4)


def test_it_can_be_differentiated_twice() -> None:
    """Penalties on D's gradient pass through it."""
    spec = DataSpec((3, 4, 5))
    x = images(2, spec).double().requires_grad_()
    sampled = drawn("ada", 2, 0.7, spec)
    assert torch.autograd.gradcheck(lambda v: augment(v, sampled, spec), (x,))
    assert torch.autograd.gradgradcheck(lambda v: augment(v, sampled, spec).square(), (x,))


def test_a_run_with_ada_resumes_bit_for_bit_and_raises_its_probability(images_file: Path, tmp_path: Path) -> None:
    settings = {
        "augment": "ada",
        "augment_probability": "adaptive",
        "augment_target": -0.9,
        "augment_images": 200,
        "batch": 8,
        "images": 80,
        "checkpoint_every": 40,
        "sample_every": 9_999,
    }
    run = zoo.train(zoo.gan(like=autoencoder("mlp")), str(images_file), out=tmp_path / "run", training=settings)
    end = run.folder / "checkpoints" / f"{80:012d}"
    whole = (end / "tensors.safetensors").read_bytes()
    shutil.rmtree(end)
    zoo.resume(run.folder)
    assert (end / "tensors.safetensors").read_bytes() == whole


def test_it_is_refused_where_it_has_no_meaning() -> None:
    """In codes; for colours that are none; and at a probability that would change every generated image too."""
    for name in ("ada", "ada-blit", "translation+ada-geometry"):
        with pytest.raises(ConfigError, match="a code that is turned is not the code of a turned image"):
            parse(name, "code")
    with pytest.raises(ConfigError, match="grey and RGB"):
        Augmentation("ada", DataSpec((2, 8, 8)), 0.5, target=0.6, images=1)
    with pytest.raises(ConfigError, match="G learns to make such images"):
        AdversarialTraining(augment="cutout+ada-colour")
    with pytest.raises(ConfigError, match="unknown") as wrong:
        parse("ada-color")
    assert "ada-colour" in wrong.value.hint
