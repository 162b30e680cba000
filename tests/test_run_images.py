"""A run without its images: it is opened, sampled and released; and what it publishes of where they were."""

from __future__ import annotations

import getpass
import os
import platform
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder, states_equal
from loopback import cli, environment, hub
from PIL import Image

import zoo
from zoo._utils.files import sha256_of
from zoo.cli import main
from zoo.data.config import public_source
from zoo.errors import DataError, IntegrityError
from zoo.training.recipe import read_recipe
from zoo.types import PartSpec

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 64}
KINDS = [
    "autoencoder",
    "scratch",
    "decoder-init+encoder-init+gmm-prior",
    "latent-gan",
    "random-encoder",
    "feature-concat",
]


@pytest.fixture
def photos(tmp_path: Path, images_file: Path) -> Path:
    folder = tmp_path / "albums" / "photos"
    folder.mkdir(parents=True)
    for i, pixels in enumerate(np.load(images_file)["images"]):
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def train(kind: str, photos: Path, out: Path) -> Any:
    source = autoencoder(seed=3)
    images = zoo.open_images(photos, like=source.data)
    model = {"autoencoder": source, "scratch": zoo.gan(like=source)}.get(kind)
    if model is None:
        model = zoo.transfer(source, strategy=kind, data=images)
    return zoo.train(model, images, out=out, images=64, training=SMALL)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path.read_bytes()) for path in folder.iterdir()}


def zoo_cli(*words: object) -> int:
    with pytest.raises(SystemExit) as done:
        main([str(word) for word in words])
    return int(done.value.code or 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_whose_images_are_gone_is_opened_and_released_as_before(
    kind: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = train(kind, photos, tmp_path / "run")
    trained.release(tmp_path / "trained", license="MIT")
    older = shutil.copytree(tmp_path / "run", tmp_path / "older")  # a run folder of earlier versions
    for name in ("data.json", "held_out.safetensors"):
        (older / name).unlink()
    zoo.open_run(older).release(tmp_path / "from-images", license="MIT")

    shutil.rmtree(photos)
    opened = zoo.open_run(tmp_path / "run")
    for before, after in ((trained.autoencoder, opened.autoencoder), (trained.gan, opened.gan)):
        assert (before is None) == (after is None)
        assert before is None or states_equal(before, after)
        assert after is None or not any(part.training for part in after.modules())
    assert zoo_cli("release", tmp_path / "run", tmp_path / "kept", "--license", "MIT") == 0
    assert contents(tmp_path / "kept") == contents(tmp_path / "trained") == contents(tmp_path / "from-images")
    assert zoo_cli("info", tmp_path / "run") == zoo_cli("runs", "show", tmp_path / "run") == 0
    assert "finished" in capsys.readouterr().out
    assert "photos" in opened._repr_html_()
    if kind != "autoencoder":
        assert zoo_cli("sample", tmp_path / "run", "-n", 4, "-o", tmp_path / "samples.png") == 0
        assert zoo_cli("interpolate", tmp_path / "run", "-o", tmp_path / "walk.png") == 0
    with pytest.raises(DataError, match="there is no folder"):
        _ = opened.images
    with pytest.raises(DataError, match="there is no folder"):
        zoo.open_run(older).release(tmp_path / "none", license="MIT")


def test_opening_a_run_opens_no_images_and_images_of_another_digest_are_refused(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = train("scratch", photos, tmp_path / "run")
    monkeypatch.setattr("zoo.data.open._open", lambda *_: pytest.fail("the images were opened"))
    opened = zoo.open_run(tmp_path / "run")
    opened.release(tmp_path / "release", license="MIT")
    monkeypatch.undo()
    assert torch.equal(opened.images.pixels, trained.images.pixels)
    assert opened.images is opened.images
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photos / "000.png")
    with pytest.raises(zoo.ZooError, match="are not those that this run began with"):
        _ = zoo.open_run(tmp_path / "run").images


def test_a_run_of_earlier_versions_keeps_its_sample_once_it_is_resumed(photos: Path, tmp_path: Path) -> None:
    train("scratch", photos, tmp_path / "run")
    kept = [tmp_path / "run" / name for name in ("data.json", "held_out.safetensors")]
    before = [path.read_bytes() for path in kept]
    for path in kept:
        path.unlink()
    zoo.resume(tmp_path / "run")
    assert [path.read_bytes() for path in kept] == before
    kept[1].write_bytes(before[1][:-1])
    with pytest.raises(IntegrityError, match=r"held_out\.safetensors"):
        zoo.open_run(tmp_path / "run").release(tmp_path / "release", license="MIT")


def test_a_resumed_run_has_the_share_of_held_out_images_that_it_began_with(photos: Path, tmp_path: Path) -> None:
    gan = zoo.gan(like=autoencoder())
    zoo.train(
        gan, zoo.open_images(photos, like=gan.data, held_out=0.5), out=tmp_path / "run", images=16, training=SMALL
    )
    assert len(zoo.open_run(tmp_path / "run").images.held_out) == 48


# ---------------------------------------------------------------- what a release publishes


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the user and of the machine; none of them may be published."""
    real = [getpass.getuser(), os.path.expanduser("~").rpartition("/")[2], platform.node()]
    for name in ("LOGNAME", "USER", "USERNAME"):
        monkeypatch.setenv(name, "ada-private")
    monkeypatch.setenv("HOME", "/home/ada-private")
    monkeypatch.setattr(platform, "node", lambda: "engine-private")
    # a name such as "root" or "vm" is a word of any model card, or a few bytes of any weights
    return ["ada-private", "engine-private", *(name for name in real if len(name) > 5)]


def test_a_release_names_no_place_user_or_machine(photos: Path, tmp_path: Path, private: list[str]) -> None:
    source = autoencoder(seed=3)
    images = zoo.open_images(photos, like=source.data)
    transferred = zoo.transfer(source, strategy="decoder-init", data=images)
    zoo.train(transferred, images, out=tmp_path / "runs" / "first", images=64, training=SMALL)
    override = {"images": 128, "data.source": str(photos)}
    run = zoo.resume(tmp_path / "runs" / "first", override=override, out=tmp_path / "runs" / "second")
    assert run.recipe.data.source == str(photos)  # it may be resumed from anywhere
    run.release(tmp_path / "release", license="MIT", name="dcgan.photos")
    with hub(tmp_path / "store") as server:
        env = environment(server.url, tmp_path / "hf")
        pushed = cli("push", str(tmp_path / "release"), "ann/x", env=env)
        assert pushed.returncode == 0, pushed.stderr
        pulled = Path(cli("pull", "-q", "hub:ann/x", env=env).stdout.strip())
        found = {path.name: path.read_bytes() for path in pulled.iterdir() if path.is_file()}
    assert {"README.md", "recipe.toml", "zoo.json", "generator.safetensors"} <= set(found)
    parts = [part for part in tmp_path.parts[1:] if len(part) > 5]
    for secret in (*private, str(tmp_path), *parts, "albums"):
        for name, data in found.items():
            assert secret.encode() not in data, f"{name} publishes {secret}"
    recipe = read_recipe(pulled / "recipe.toml")
    assert (recipe.data.source, recipe.data.sha256) == ("photos", images.sha256)
    assert recipe.parent is not None
    assert (recipe.parent.run, recipe.parent.overridden["data.source"]) == ("first", "photos")


@pytest.mark.parametrize(
    ("source", "published"),
    [
        ("starter/mnist5k", "starter/mnist5k"),
        ("hf:lab/photos", "hf:lab/photos"),
        ("hf:/home/ada/saved", "hf:saved"),
        ("/home/ada/photos/", "photos"),
        ("~/photos.npz", "photos.npz"),
        ("../photos", "photos"),
        (r"C:\Users\ada\photos", "photos"),
        ("shards:/home/ada/train-{000..009}.tar", "shards:train-{000..009}.tar"),
        ("s3://ada:secret@bucket/photos", "photos"),
        ("https://ada:secret@host", "host"),
        ("https://host/photos?signature=secret", "photos"),
        ("zip://inner::file:///home/ada/photos.zip", "photos.zip"),
    ],
)
def test_the_published_source_has_no_private_part(source: str, published: str) -> None:
    assert public_source(source) == published


# ---------------------------------------------------------------- wrong names


@pytest.mark.parametrize("strategy", ["decoder-inti", "decoder-init+encodr-init", "", "decoder-init,encoder-init"])
def test_a_wrong_strategy_is_refused_before_a_source_or_an_image_is_opened(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("zoo.data.open._open", "zoo.training.recipe_models.open_model", "zoo.registry.load.load_folder"):
        monkeypatch.setattr(name, lambda *_, **__: pytest.fail("something was opened"))
    words = ("transfer", "dcgan.glyphs-sans32", "--data", "mnist5k", "--strategy", strategy)
    for more in (("--explain",), ("--out", tmp_path / "run"), ("--adapt", 16, "--out", tmp_path / "run")):
        assert zoo_cli(*words, *more) == 2
        printed = capsys.readouterr().err
        assert "there is no transfer" in printed or "strateg" in printed
    for given in (strategy, [PartSpec("decoder-init"), PartSpec("decoder-inti")]):
        with pytest.raises(zoo.ZooError):
            zoo.transfer(autoencoder(), strategy=given, data="mnist5k")
    assert not (tmp_path / "run").exists()


def test_a_recipe_with_a_wrong_strategy_trains_no_autoencoder(tmp_path: Path, images_file: Path) -> None:
    text = f'[data]\nsource = "{images_file}"\n[autoencoder]\n[transfer]\nstrategy = "decoder-inti"\n'
    (tmp_path / "recipe.toml").write_text(text)
    recipe = read_recipe(tmp_path / "recipe.toml")
    assert recipe.transfer is not None
    assert recipe.transfer.strategies == (PartSpec("decoder-inti"),)
    with pytest.raises(zoo.ZooError, match="decoder-inti"):
        zoo.run_recipe(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()
