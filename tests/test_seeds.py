"""A seed names a picture: the same one however many are drawn, in Python, on the command line and on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released
from PIL import Image

import zoo
from zoo._utils.seeds import SampleStreams, per_sample, stream
from zoo.cli import zoo as command
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError
from zoo.networks.conditioning import draw_conditions
from zoo.types import Condition

PRIORS: dict[str, Any] = {
    "core/normal": {},
    "core/uniform": {},
    "core/truncated": {},
    "core/gaussian": {},
    "core/gmm": {"components": 3},
    "core/low-rank": {"components": 3, "rank": 2},
    "core/flow": {},
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("seeds") / "release", "dcgan.blobs")


def pixels(path: Path, n: int) -> np.ndarray[Any, Any]:
    """The first n pictures of a sheet or of an array."""
    if path.suffix == ".npz":
        return np.load(path)["images"][:n]
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("truncation", [1.0, 0.7])
def test_the_first_codes_are_the_same_however_many_are_drawn(prior: str, truncation: float) -> None:
    gan = zoo.gan(like=autoencoder(), prior={"component": prior, "config": PRIORS[prior]}, seed=0)
    many = gan.draw(64, 5, truncation=truncation)
    for n in (1, 16):
        torch.testing.assert_close(gan.draw(n, 5, truncation=truncation), many[:n])
    chosen = gan.draw(3, [(5, 40), 5, (5, 2)], truncation=truncation)
    torch.testing.assert_close(chosen, many[[40, 0, 2]])
    assert len(many.unique(dim=0)) == 64
    assert not torch.equal(many, gan.draw(64, 6, truncation=truncation))


def test_the_first_images_are_the_same_to_the_last_pixel() -> None:
    gan = zoo.gan(like=autoencoder(), seed=0)
    many = to_uint8(gan.sample(64, 3), gan.output)
    for n in (1, 16):
        assert torch.equal(to_uint8(gan.sample(n, 3), gan.output), many[:n])
    with pytest.raises(ConfigError, match="2 seeds are given for 3 samples"):
        gan.sample(3, [1, 2])


def test_classes_and_attributes_are_drawn_for_each_index_alone() -> None:
    for condition in (
        Condition(("a", "b", "c"), shares=(0.2, 0.3, 0.5)),
        Condition(attributes=("x",), quantiles=((0.0, 1.0, 2.0),)),
    ):
        many, few = (draw_conditions(condition, n, SampleStreams(1, n, "condition")) for n in (300, 7))
        assert torch.equal(many[:7], few)
        assert len(many.unique(dim=0)) == 3


def test_streams_of_samples_are_independent_and_no_two_are_the_same() -> None:
    """Correlations of 5,000 rows stay within five standard errors; seeds and indices of everyday size never meet."""
    rng = SampleStreams(0, 5_000, "sample")
    x = per_sample(lambda m: torch.randn(m, 8, generator=rng), 5_000, rng)
    error = 5 / 5_000**0.5
    assert (torch.corrcoef(x.T) - torch.eye(8)).abs().max() < error
    assert (x[1:] * x[:-1]).mean(0).abs().max() < error, "neighbours"
    assert x.mean().abs() < error
    again = per_sample(lambda m: torch.randn(m, 8, generator=rng), 5_000, rng)
    assert (x * again).mean(0).abs().max() < error, "the second draw of each sample"
    starts = (np.arange(1_000, dtype=np.uint64) * np.uint64(0x9E3779B1)) % 2**32
    gaps = np.diff(np.sort(starts))
    assert gaps.min() > 1_000_000


def test_training_draws_what_it_always_drew() -> None:
    """Old runs continue bit for bit: from one stream, a prior draws the numbers that torch gives for all rows at once."""
    gan = zoo.gan(like=autoencoder(), seed=0)
    drawn = gan.prior.sample(6, stream(0, "codes"))
    assert torch.equal(drawn, torch.randn(6, 6, generator=stream(0, "codes")))
    mixture = zoo.gan(like=autoencoder(), prior={"component": "core/gmm", "config": {"components": 3}}, seed=0).prior
    rng = stream(0, "codes")
    torch.multinomial(torch.ones(3), 6, replacement=True, generator=rng)
    assert torch.equal(mixture.sample(6, stream(0, "codes")), torch.randn(6, 6, generator=rng))


def test_the_command_and_the_page_draw_the_same(release: Path, tmp_path: Path) -> None:
    def draw(*words: str) -> np.ndarray[Any, Any]:
        out = tmp_path / f"{len(list(tmp_path.iterdir()))}.npz"
        result = CliRunner().invoke(command, ["sample", str(release), *words, "-o", str(out)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return pixels(out, 1_000)

    many = draw("-n", "64", "--seed", "4")
    assert np.array_equal(draw("-n", "1", "--seed", "4"), many[:1])
    assert np.array_equal(draw("--seeds", "4:17,4,4:63"), many[[17, 0, 63]])
    assert np.array_equal(draw("--seeds", "3,17"), np.concatenate([draw("-n", "1", "--seed", s) for s in ("3", "17")]))
    ui = pytest.importorskip("zoo_ui.loaded_model")
    page = ui.LoadedModel.open(str(release))
    assert np.array_equal(page.pictures(page.draw(16, 4)).squeeze(1).numpy(), many[:16])


def test_seeds_that_are_none_are_refused(release: Path, tmp_path: Path) -> None:
    for words, said in (
        (["--seeds", "3,x"], "no seeds such as 3,17 or 0:17"),
        (["--seeds", "3:-1"], "an index counts from 0"),
        (["--seeds", "3", "-n", "2"], "--seeds and -n do not go together"),
    ):
        result = CliRunner().invoke(command, ["sample", str(release), *words, "-o", str(tmp_path / "x.png")])
        assert result.exit_code == 2
        assert said in " ".join(result.output.split())


def test_without_a_name_the_picture_is_new_and_nothing_is_lost(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dcgan.blobs.png", "dcgan.blobs-2.png"):
        result = CliRunner().invoke(command, ["sample", str(release), "-n", "1", "--quiet"], catch_exceptions=False)
        assert result.output.split() == [name]
    images = tmp_path / "images.npz"
    np.savez(images, images=np.zeros((8, 8, 8), np.uint8) + np.arange(8, dtype=np.uint8)[:, None, None])
    words = [
        "train",
        "gan",
        "--generator",
        "mlp",
        "--data",
        str(images),
        "--out",
        "run",
        "--images",
        "8",
        "--batch",
        "8",
    ]
    assert CliRunner().invoke(command, words, catch_exceptions=False).exit_code == 0
    result = CliRunner().invoke(command, ["sample", "run", "-n", "1", "--quiet"], catch_exceptions=False)
    assert result.output.split() == ["run/sample.png"]
    assert Path("run/sample.png").is_file()
