"""Codes that keep their place, (c, h, w), and data that is not an image: every strategy and network works on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import ARCHITECTURES
from small_transfers import make_trainer, run
from strategy_matrix import paired

import zoo
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.data.values import unscaled
from zoo.errors import CompositionError, ConfigError, TransferError
from zoo.types import DataSpec, PartSpec, as_code_shape

CODE = (2, 2, 2)
STRATEGIES = paired()


@pytest.fixture
def images(images_file: Path) -> ImageSet:
    return open_images(str(images_file), shape=(1, 8, 8))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_trains_on_codes_that_keep_their_place(strategy: str, images: ImageSet) -> None:
    encoder, generator = ARCHITECTURES["dcgan"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=CODE, seed=0)
    transferred = zoo.transfer(source, zoo.gan(like=source, seed=1), [PartSpec(strategy)], data=images)
    run(make_trainer(transferred, images), images, 2)
    assert transferred.gan.code_shape == CODE
    assert transferred.gan.sample(3).isfinite().all()
    assert transferred.gan.draw(3).shape == (3, *CODE)


@pytest.mark.parametrize("strategy", ["decoder-init", "gaussian-prior", "decoder-distill", "feature-distill"])
@pytest.mark.parametrize("shapes", [((2, 2, 2), (5,)), ((6,), (2, 2, 3))], ids=["to flat", "from flat"])
def test_codes_of_another_shape_are_bridged(
    strategy: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], images: ImageSet
) -> None:
    encoder, generator = ARCHITECTURES["mlp"]
    source = zoo.autoencoder(encoder, generator, shape=(1, 8, 8), code_shape=shapes[0], seed=0)
    gan = zoo.gan(like=source, code_shape=shapes[1], seed=1)
    transferred = zoo.transfer(source, gan, [PartSpec(strategy)], data=images)
    run(make_trainer(transferred, images), images, 2)
    if transferred.plan.to_latent is not None:
        codes = source.encode(images.batch(images.train[:4]))
        assert transferred.plan.to_latent(codes).shape == (4, *shapes[1])


def test_a_strategy_that_needs_equal_codes_names_both_shapes(images: ImageSet) -> None:
    source = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=8)
    with pytest.raises(TransferError, match=r"codes are \[8\], the GAN's \[2, 2, 2\]"):
        zoo.transfer(source, zoo.gan(like=source, code_shape=CODE), "gmm-prior", data=images)


def test_a_flat_code_and_a_shaped_one_of_the_same_values_give_the_same_network() -> None:
    z = torch.randn(3, 8)
    flat = zoo.gan("dcgan", shape=(1, 8, 8), code_shape=8).generate(z)
    shaped = zoo.gan("dcgan", shape=(1, 8, 8), code_shape=CODE).generate(z.view(3, *CODE))
    assert torch.equal(flat, shaped)


@pytest.mark.parametrize("code_shape", [0, -3, (4, 4), (2, 0, 2), True, (2**11, 2**5, 2**5), (4.0,)])
def test_a_code_shape_that_is_none_is_refused(code_shape: object) -> None:
    with pytest.raises(ConfigError, match="code_shape"):
        as_code_shape(code_shape)  # type: ignore[arg-type]


@pytest.mark.parametrize("arch", ["mlp", "dcgan", "r3gan"])
def test_networks_of_codes_have_no_output_activation(arch: str) -> None:
    """A GAN in the code space of another autoencoder: (4, 8, 8) is what its samples are."""
    data = DataSpec((4, 8, 8), kind="code", bounded=False)
    gan = zoo.gan(arch, arch, data=data, code_shape=16, seed=0)
    first = gan.generate(torch.randn(64, 16))
    with torch.no_grad():
        last = [weight for name, weight in gan.generator.named_parameters() if name.endswith("weight")][-1]
        last.mul_(1e3)
    assert gan.generate(torch.randn(64, 16)).abs().max() > 10 > 0 < first.abs().max()


def test_samples_of_two_kinds_are_not_converted_into_each_other() -> None:
    from zoo.data.convert import convert_samples

    code, image = DataSpec((3, 8, 8), kind="code", bounded=False), DataSpec((3, 8, 8))
    with pytest.raises(CompositionError, match="codes of shape"):
        convert_samples(torch.zeros(1, 3, 8, 8), code, image)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two features of very different units, and one that never changes."""
    rng = np.random.default_rng(0)
    rows = np.stack([1e6 + 5e4 * rng.normal(size=80), 1e-3 * rng.normal(size=80), np.full(80, 7.0)], 1)
    path = tmp_path / "table.npz"
    np.savez(path, images=rows)
    return path


def test_float_vectors_keep_every_value_and_are_standardised(table: Path) -> None:
    rows = open_images(table)
    assert (rows.spec.kind, rows.spec.bounded) == ("vector", False)
    x = rows.batch(torch.arange(len(rows)))
    learnt = x[rows.train, :2]
    assert learnt.mean(0).abs().max() < 1e-3
    assert (learnt.std(0, unbiased=False) - 1).abs().max() < 1e-3
    assert len(x[:, 0].unique()) == 80, "values were cut to fewer levels"
    stored = torch.from_numpy(np.load(table)["images"]).float()
    torch.testing.assert_close(unscaled(x, rows.spec), stored, rtol=1e-5, atol=1e-6)


def test_a_model_of_float_vectors_is_trained_released_and_opened_with_its_scaling(table: Path, tmp_path: Path) -> None:
    rows = open_images(table)
    net = PartSpec("mlp", {"widths": [8]})
    run = zoo.train(
        zoo.gan(net, net, data=rows.spec, code_shape=4), rows, out=tmp_path / "run", images=64, training={"batch": 16}
    )
    again = open_images(table, like=rows.spec)
    assert again.spec == rows.spec
    assert again.sha256 == rows.sha256
    run.release(tmp_path / "release", license="MIT")
    pair = zoo.load(tmp_path / "release")
    assert pair.gan is not None
    assert pair.gan.data == rows.spec
    assert torch.equal(pair.gan.sample(5), run.gan.sample(5))


def test_float_images_are_rounded_and_that_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.random.default_rng(0).uniform(size=(10, 8, 8)))
    assert any("256 levels" in note for note in open_images(tmp_path / "x.npz").notes)


class Columns:
    """A feature space of vectors: the vectors themselves."""

    sha256 = "a" * 64
    dim = 3
    kinds = frozenset({"vector"})

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return images


def test_a_metric_measures_the_kinds_of_data_that_it_declares(table: Path, images: ImageSet) -> None:
    from zoo.errors import DataError
    from zoo.metrics.evaluate import Reference

    rows = open_images(table)
    reference = Reference(rows, Columns(), "x/columns")
    x = rows.batch(rows.train[:20])
    figures = {metric.name: metric.value for metric in reference.measure(x)}
    assert abs(figures["kid"]) < 0.5 < reference.measure(x + 3)[0].value
    with pytest.raises(DataError, match="measures vector data, not images of shape"):
        Reference(images, Columns(), "x/columns")
    with pytest.raises(DataError, match="measures image data, not vectors of shape"):
        Reference(rows, ImageSpace(), "x/images")


class ImageSpace(Columns):
    kinds = frozenset({"image"})
