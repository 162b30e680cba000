"""The plugins in examples/, written as strangers would: they pass the kit, and their models are trained, released and
opened. `.ci/strangers.py` does it with wheels, a Hub and other environments."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_transfers import make_trainer
from test_plugin_life_cycle import forget
from test_scaffold import install

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import CompositionError
from zoo.networks.autoencoder import Autoencoder
from zoo.networks.gan import GAN
from zoo.testing.conformance.plugin import check_plugin
from zoo.transfers.apply import TransferResult
from zoo.types import PartSpec

EXAMPLES = Path(__file__).parents[1] / "examples"
PLUGINS = ("classes", "siren", "timed", "vae")
VAE = {"width": 8, "levels": 2}


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The examples as editable installs would leave them, in this process and in those that it starts."""
    site = tmp_path_factory.mktemp("site")
    folders = [EXAMPLES / f"zoo-{name}" for name in PLUGINS]
    for folder in folders:
        install(folder, site)
    with pytest.MonkeyPatch.context() as patch:
        for path in (site, *folders):
            patch.syspath_prepend(str(path))
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (site, *folders))))
        forget()
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] in {f"zoo_{plugin}" for plugin in PLUGINS}]:
        del sys.modules[name]
    forget()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """64 grey images of 16 px in two classes, with a bright left or right half."""
    labels = np.arange(64) % 2
    pictures = np.random.default_rng(0).integers(0, 60, (64, 16, 16))
    pictures[labels == 0, :, :8] += 180
    pictures[labels == 1, :, 8:] += 180
    path = tmp_path_factory.mktemp("images") / "halves.npz"
    np.savez(path, images=pictures.astype("uint8"), labels=labels)
    return open_images(path)


def needs(plugin: str) -> None:
    """Skips a test of `plugin` if a package that it imports is not installed."""
    if plugin == "vae":
        pytest.importorskip("diffusers", reason="zoo-vae needs diffusers, which zoo's own tests do not install")


@pytest.mark.parametrize(
    ("plugin", "component"),
    [
        ("siren", "siren"),
        ("classes", "joined"),
        ("classes", "projection"),
        ("classes", "per-class"),
        ("vae", "moments"),
    ],
)
def test_a_component_passes_the_checks(plugin: str, component: str) -> None:
    needs(plugin)
    verdict = check_plugin(plugin, component)
    assert verdict.passed, [(result.check, result.error) for result in verdict.failures]
    assert len(verdict.results) > 20


@pytest.mark.long
@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_plugin_passes_the_checks(plugin: str) -> None:
    needs(plugin)
    verdict = check_plugin(plugin)
    assert verdict.passed, [(result.component, result.check, result.error) for result in verdict.failures]
    assert not verdict.refusals


def siren(images: ImageSet) -> GAN:
    return zoo.gan(PartSpec("siren", {"width": 8}), "mlp", data=images.spec, code_shape=4)


def held(images: ImageSet) -> TransferResult:
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    return zoo.transfer(source, zoo.gan(like=source), "decoder-init+hold-generator")


def kl(images: ImageSet) -> Autoencoder:
    part = PartSpec("vae/kl", VAE)
    return zoo.autoencoder(part, part, data=images.spec)


def tiny(images: ImageSet) -> GAN:
    part = PartSpec("vae/tiny", VAE)
    return zoo.gan(part, part, data=images.spec)


def per_class(images: ImageSet) -> TransferResult:
    source = zoo.autoencoder("mlp", "mlp", data=images.spec, code_shape=4)
    return zoo.transfer(source, zoo.gan("joined", "projection", like=source), "per-class-prior", data=images)


@pytest.mark.parametrize(
    ("plugin", "compose"),
    [("siren", siren), ("timed", held), ("vae", kl), ("vae", tiny), ("classes", per_class)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_model_is_trained_released_and_opened(
    plugin: str, compose: Callable[[ImageSet], GAN | Autoencoder | TransferResult], images: ImageSet, tmp_path: Path
) -> None:
    needs(plugin)
    run = zoo.train(compose(images), images, out=tmp_path / "run", training={"images": 48, "batch": 16})
    run.release(tmp_path / "release", license="CC0-1.0")
    loaded = zoo.load(tmp_path / "release")
    if run.gan is not None:
        assert loaded.gan is not None
        assert torch.equal(loaded.gan.sample(4), run.gan.sample(4))
    else:
        assert loaded.autoencoder is not None
        assert run.autoencoder is not None
        x = images.batch(images.held_out[:4])
        assert torch.equal(loaded.autoencoder.reconstruct(x), run.autoencoder.reconstruct(x))


def test_a_held_generator_is_trained_after_a_fifth_of_the_run(images: ImageSet) -> None:
    result = held(images)
    trainer = make_trainer(result, images, batch=16, images=160)
    before = {name: weight.clone() for name, weight in trainer.gan.generator.state_dict().items()}

    def changed() -> set[str]:
        return {
            name for name, weight in trainer.gan.generator.state_dict().items() if not torch.equal(weight, before[name])
        }

    for step in range(3):
        assert not changed()
        trainer.advance(16 * step)
        trainer.step(images.train[:16], 16 * step)
    assert changed() == before.keys()


def test_a_prior_per_class_has_the_mean_of_each_classs_codes(images: ImageSet) -> None:
    result = per_class(images)
    rows = images.to_fit()
    codes, labels = result.source.encode(images.batch(rows)), images.conditions(rows)
    for number in range(2):
        drawn = result.gan.draw(4000, condition=torch.full((4000,), number))
        torch.testing.assert_close(drawn.mean(0), codes[labels == number].mean(0), atol=0.15, rtol=0)


def test_a_prior_with_too_few_classes_is_refused_while_composing(images: ImageSet) -> None:
    with pytest.raises(CompositionError, match="asked for a class that it does not have: it has 1"):
        zoo.gan("mlp", prior=PartSpec("per-class", {"classes": 1}), data=images.spec, code_shape=4)
