"""Filling the hidden part of images from a code that is searched from the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released
from PIL import Image
from torch import Tensor

import zoo
from zoo.cli import zoo as command
from zoo.editing.filling import fill
from zoo.errors import ConfigError
from zoo.registry.load import LoadedRelease


@pytest.fixture(scope="module")
def pair() -> LoadedRelease:
    return zoo.load("dcgan.mnist5k")


@pytest.fixture(scope="module")
def digits(pair: LoadedRelease) -> Tensor:
    assert pair.gan is not None
    images = zoo.open_images("mnist5k", like=pair.gan.output)
    return images.batch(images.held_out[:8])


def right_half(n: int, side: int = 32) -> Tensor:
    hidden = torch.zeros(n, 1, side, side, dtype=torch.bool)
    hidden[..., side // 2 :] = True
    return hidden


def test_visible_pixels_are_kept_bit_for_bit_and_the_hole_is_better_than_grey(
    pair: LoadedRelease, digits: Tensor
) -> None:
    hidden = right_half(8)
    filled = fill(pair, digits, hidden, steps=60)
    kept = ~hidden.expand_as(digits)
    assert torch.equal(filled.images[kept], digits[kept])
    assert torch.equal(filled.images[~kept], filled.generated[~kept])
    assert (filled.psnr > 20).all()
    seen = (digits * ~hidden).sum((2, 3), keepdim=True) / (~hidden).sum((2, 3), keepdim=True)
    errors = [((made - digits) * hidden).square().mean() for made in (filled.images, seen)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("start", ["encoder", "mean"])
def test_what_is_hidden_changes_nothing(pair: LoadedRelease, digits: Tensor, start: str) -> None:
    hidden = right_half(2)
    other = torch.where(hidden, -digits[:2], digits[:2])
    ours, theirs = (fill(pair, x, hidden, steps=3, start=start) for x in (digits[:2], other))
    assert torch.equal(ours.images, theirs.images)


def test_a_heavier_prior_keeps_the_code_nearer_to_the_mean(pair: LoadedRelease, digits: Tensor) -> None:
    hidden = right_half(4)
    near, far = (fill(pair, digits[:4], hidden, steps=20, weight=weight) for weight in (0.1, 0.0))
    assert near.codes.norm() < 0.9 * far.codes.norm()
    assert (near.psnr < far.psnr).all()


def test_an_autoencoder_alone_fills_through_its_decoder() -> None:
    ae = autoencoder()
    images = ae.decode(torch.randn(2, 6, generator=torch.Generator().manual_seed(0)))
    filled = fill(ae, images, right_half(2, 8), steps=5)
    assert filled.images.shape == (2, 1, 8, 8)


def test_masks_that_do_not_fit_are_refused() -> None:
    ae, images = autoencoder(), torch.zeros(2, 1, 8, 8)
    for hidden in (right_half(1, 8), right_half(2, 8).float(), right_half(2, 16)):
        with pytest.raises(ConfigError, match="masks are"):
            fill(ae, images, hidden)
    with pytest.raises(ConfigError, match="whole image"):
        fill(ae, images, torch.ones(2, 1, 8, 8, dtype=torch.bool))


def test_the_command_writes_the_filled_image(tmp_path: Path) -> None:
    release = released(tmp_path / "release")
    photo = np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:6] = 255
    for name, pixels in (("photo", photo), ("mask", mask)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    words = [str(release), str(tmp_path / "photo.png"), "--mask", str(tmp_path / "mask.png"), "--steps", "2"]
    done = CliRunner().invoke(command, ["fill", *words, "-o", str(tmp_path / "out.png")])
    assert done.exit_code == 0, done.exception
    assert "14% of the pixels" in done.stdout
    with Image.open(tmp_path / "out.png") as picture:
        filled = np.asarray(picture)
    assert (filled[mask == 0] == photo[mask == 0]).all()
    assert (filled[mask > 0] != photo[mask > 0]).any()
