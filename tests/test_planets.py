"""The planets that the demo in colour draws, and the films of walks."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from zoo.cli import zoo as program
from zoo.data.grids import gif_bytes
from zoo.data.planets import Noise, draw_planets, planet
from zoo.errors import DataError


def test_a_seed_draws_the_same_planet_on_white() -> None:
    first = planet(Noise(0), 7, size=32)
    assert first.shape == (3, 32, 32)
    assert (first >= 0).all()
    assert (first <= 1).all()
    assert (first == planet(Noise(0), 7, size=32)).all()
    assert (first[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 1).all()  # corners
    assert not (first == planet(Noise(0), 8, size=32)).all()
    assert (first[:, 16, 16] < 1).any()


def test_planets_are_files_and_each_is_counted(tmp_path: Path) -> None:
    counted: list[int] = []
    draw_planets(tmp_path, 3, size=16, drawn=counted.append)
    assert counted == [1, 2, 3]
    with Image.open(tmp_path / "0002.png") as picture:
        assert picture.size == (16, 16)


def test_noise_is_smooth_across_the_end_of_its_period() -> None:
    import torch

    noise = Noise(3)
    before, after = noise.at(torch.tensor([[31.999, 5.2, 7.7], [32.001, 5.2, 7.7]]))
    assert abs(before - after) < 0.01
    assert torch.allclose(
        noise.at(torch.tensor([0.3, 1.4, 2.5])), noise.at(torch.tensor([32.3, -30.6, 2.5])), atol=1e-4
    )


def test_a_film_goes_there_and_back_with_all_walks_side_by_side() -> None:
    frames = np.zeros((2, 5, 3, 48, 48), np.uint8)
    frames[0, :, 0] = np.arange(0, 250, 50)[:, None, None]  # the first walk gets redder
    with Image.open(io.BytesIO(gif_bytes(frames.reshape(10, 3, 48, 48), 2))) as film:
        assert film.n_frames == 5 + 3
        assert film.width > 2 * 48
        reds = []
        for i in range(film.n_frames):
            film.seek(i)
            reds.append(film.convert("RGB").getpixel((20, 20))[0])
    assert reds == [0, 50, 100, 150, 200, 150, 100, 50]
    with pytest.raises(DataError, match="not 3 walks"):
        gif_bytes(frames.reshape(10, 3, 48, 48), 3)


def test_interpolate_writes_a_film(tmp_path: Path) -> None:
    out = tmp_path / "walk.gif"
    words = ["interpolate", "dcgan.mnist5k", "--rows", "2", "--steps", "4", "-o", str(out)]
    done = CliRunner().invoke(program, words)
    assert done.exit_code == 0, done.output
    with Image.open(out) as film:
        assert film.n_frames == 6
