"""A release's recipe trains it again, or the release says that it cannot; push believes neither without a try."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import autoencoder, released, states_equal

import zoo
from zoo.errors import ConfigError, ReleaseError
from zoo.networks.autoencoder import Autoencoder
from zoo.release.folder import pin_file, read_manifest
from zoo.release.manifest import Manifest, RecipeEntry, manifest_bytes
from zoo.remote.push import push
from zoo.training.recipe import Recipe, read_recipe, write_recipe
from zoo.training.rehearsal import rehearse_release
from zoo.training.release import write_measured
from zoo.types import Origin, PartSpec

SMALL = {"batch": 8, "checkpoint_every": 999, "sample_every": 999}


@pytest.fixture(autouse=True)
def _beside_the_images(images_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A published recipe has of a path the last part alone."""
    monkeypatch.chdir(images_file.parent)


def learn(model: Autoencoder, images: Path, out: Path) -> Autoencoder:
    trained = zoo.train(model, str(images), out=out, images=16, training=SMALL).autoencoder
    assert trained is not None
    return trained


def pair(source: Autoencoder, images: Path, out: Path) -> zoo.Run:
    """A GAN from the source, trained for a moment, and its release in `<out>-release`."""
    moved = zoo.transfer(source, strategy="decoder-init")
    run = zoo.train(moved, str(images), out=out, images=16, training=SMALL)
    run.release(f"{out}-release", license="CC0-1.0", name="dcgan.mine")
    return run


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def memory(images: Path, tmp: Path) -> Autoencoder:
    return learn(autoencoder(), images, tmp / "first")


def twice(images: Path, tmp: Path) -> Autoencoder:
    return learn(memory(images, tmp), images, tmp / "second")


def adapted(images: Path, tmp: Path) -> Autoencoder:
    model = zoo.load("dcgan.blobs").autoencoder
    assert model is not None
    return learn(model, images, tmp / "first")


def opened(images: Path, tmp: Path) -> Autoencoder:
    memory(images, tmp)
    model = zoo.open_run(tmp / "first").autoencoder
    assert model is not None
    return model


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release that a registry calls dcgan.blobs."""
    from zoo.registry.edit import add

    monkeypatch.setenv("ZOO_REGISTRY", str(tmp_path / "registry.toml"))
    folder = released(tmp_path / "named")
    add(str(folder), tmp_path / "registry.toml")
    return folder


@pytest.mark.parametrize("source", [memory, twice, adapted, opened], ids=lambda source: source.__name__)
def test_a_pair_made_from_python_is_trained_again_by_its_recipe(
    source: Any, named: Path, images_file: Path, tmp_path: Path
) -> None:
    """The README's pattern: the recipe of the GAN holds those of its autoencoder, bit for bit the same."""
    run = pair(source(images_file, tmp_path), images_file, tmp_path / "run")
    release = tmp_path / "run-release"
    assert rehearse_release(release, read_manifest(release)) == ""
    again = zoo.run_recipe(read_recipe(release / "recipe.toml"), tmp_path / "again")
    assert again.gan is not None
    assert states_equal(again.gan.gan, run.gan)
    text = card_of(release)
    assert "`zoo train recipe.toml` runs it again, on the same images." in text
    assert "the same run" not in text
    origin = "the autoencoder of `dcgan.blobs` 1.0.0" if source is adapted else "an autoencoder that was trained before"
    assert origin in text
    assert str(tmp_path) not in (release / "recipe.toml").read_text()


def untrained(images: Path, tmp: Path) -> zoo.Run:
    return pair(autoencoder(), images, tmp / "run")


def changed_since(images: Path, tmp: Path) -> zoo.Run:
    model = memory(images, tmp)
    with torch.no_grad():
        next(model.parameters()).mul_(2)
    return pair(model, images, tmp / "run")


def forked(images: Path, tmp: Path) -> zoo.Run:
    pair(memory(images, tmp), images, tmp / "parent")
    run = zoo.resume(tmp / "parent", override={"images": 24}, out=tmp / "run")
    run.release(tmp / "run-release", license="CC0-1.0", name="dcgan.mine")
    return run


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (untrained, "its autoencoder was brought in memory"),
        (changed_since, "its autoencoder was brought in memory"),
        (forked, "its run went on from another one, parent, with other settings"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_cannot_be_trained_again_says_so(make: Any, says: str, images_file: Path, tmp_path: Path) -> None:
    make(images_file, tmp_path)
    release = tmp_path / "run-release"
    text = card_of(release)
    assert f"but `zoo train` cannot run it again: {says}" in text
    assert "runs it again" not in text
    assert says in rehearse_release(release, read_manifest(release))
    with pytest.raises(ConfigError, match="this recipe cannot be run again"):
        zoo.run_recipe(read_recipe(release / "recipe.toml"), tmp_path / "again")


def with_recipe(release: Path, folder: Path, recipe: Recipe) -> Manifest:
    """The release with another recipe and the same card."""
    shutil.copytree(release, folder)
    data = write_recipe(recipe)
    (folder / "recipe.toml").write_bytes(data)
    manifest = read_manifest(release)
    files = {**manifest.files, "recipe.toml": pin_file(data)}
    changed = replace(manifest, files=files, recipe=RecipeEntry("recipe.toml", pin_file(data).sha256))
    (folder / "zoo.json").write_bytes(manifest_bytes(changed))
    return changed


@pytest.fixture
def release(images_file: Path, tmp_path: Path) -> Path:
    pair(memory(images_file, tmp_path), images_file, tmp_path / "run")
    return tmp_path / "run-release"


def test_push_rehearses_the_recipe_and_names_the_hub_on_the_card(release: Path, tmp_path: Path) -> None:
    push(release, "ann/x", dry_run=tmp_path / "up")
    assert 'zoo.load("hub:ann/x")' in card_of(tmp_path / "up")
    assert '"dcgan.mine")' not in card_of(tmp_path / "up")
    zoo.load(tmp_path / "up")
    recipe = read_recipe(release / "recipe.toml")
    assert recipe.transfer is not None
    lost = replace(recipe, transfer=replace(recipe.transfer, trained_by=None))
    with_recipe(release, tmp_path / "lost", lost)
    with pytest.raises(ReleaseError, match="says that the recipe runs it again, which it cannot: its autoencoder"):
        push(tmp_path / "lost", "ann/x", dry_run=tmp_path / "up-lost")


def test_a_release_that_says_it_cannot_be_trained_again_is_published(images_file: Path, tmp_path: Path) -> None:
    untrained(images_file, tmp_path)
    assert push(tmp_path / "run-release", "ann/x", dry_run=tmp_path / "up").files


def test_a_rehearsal_finds_a_source_that_is_gone_or_has_other_weights_and_an_unknown_setting(
    release: Path, named: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(release / "recipe.toml")
    assert recipe.transfer is not None
    gone = replace(recipe, transfer=replace(recipe.transfer, source="dcgan.nowhere"))
    manifest = with_recipe(release, tmp_path / "gone", gone)
    with pytest.raises(ReleaseError, match=r"cannot be run again: there is no model 'dcgan\.nowhere'"):
        rehearse_release(tmp_path / "gone", manifest)
    assert recipe.transfer.trained_by is not None
    before = recipe.transfer.trained_by
    assert before.autoencoder is not None
    training = replace(before.autoencoder.training, objective="vea")
    before = replace(before, autoencoder=replace(before.autoencoder, training=training))
    manifest = with_recipe(
        release, tmp_path / "lossy", replace(recipe, transfer=replace(recipe.transfer, trained_by=before))
    )
    with pytest.raises(ReleaseError, match="cannot be run again: there is no objective 'vea'"):
        rehearse_release(tmp_path / "lossy", manifest)
    other = replace(recipe, transfer=replace(recipe.transfer, source="dcgan.blobs"))
    manifest = with_recipe(release, tmp_path / "other", other)
    with pytest.raises(ReleaseError, match="does not hold the autoencoder that this recipe began with"):
        rehearse_release(tmp_path / "other", manifest)
    assert recipe.gan is not None
    generator = PartSpec("dcgan/dcgan", {"widht": 4})
    manifest = with_recipe(release, tmp_path / "odd", replace(recipe, gan=replace(recipe.gan, generator=generator)))
    with pytest.raises(ReleaseError, match=r"cannot be run again: .* has no setting 'widht'"):
        rehearse_release(tmp_path / "odd", manifest)


def test_a_source_of_the_hub_is_named_by_its_address(images_file: Path, tmp_path: Path) -> None:
    """A name is known to one machine's registries alone."""
    source = autoencoder()
    source.origin = Origin("dcgan.blobs", "1.0.0", "sha256:" + "a" * 64, f"hub:ann/x@{'b' * 40}")
    recipe = pair(source, images_file, tmp_path / "run").recipe
    assert recipe.transfer is not None
    assert recipe.transfer.source == f"hub:ann/x@{'b' * 40}"


def test_new_figures_of_an_old_release_publish_no_private_path(release: Path, tmp_path: Path) -> None:
    recipe = read_recipe(release / "recipe.toml")
    old = replace(recipe, data=replace(recipe.data, source="/home/ada/secret/photos"))
    manifest = with_recipe(release, tmp_path / "old", old)
    measured = write_measured(tmp_path / "old", manifest, tmp_path / "new", version="0.2.0", metrics=())
    assert "ada" not in (tmp_path / "new" / "recipe.toml").read_text()
    assert read_recipe(tmp_path / "new" / "recipe.toml").data.source == "photos"
    assert zoo.load(tmp_path / "new").manifest == measured
