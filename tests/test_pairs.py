"""Releases of real models: save, load, sample bit for bit; every flipped byte refused."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import autoencoder, states_equal

import zoo
from zoo._utils.tensors import pack, unpack
from zoo.errors import IntegrityError, ReleaseError, ZooError
from zoo.networks.vectors import compare, record_vectors
from zoo.registry.replay import VECTORS, replay
from zoo.release.folder import read_manifest, verify_files

SMALL = {"batch": 16, "checkpoint_every": 64, "sample_every": 64}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> zoo.training.api.Run:  # type: ignore[name-defined]
    import numpy as np

    folder = tmp_path_factory.mktemp("pair")
    path = folder / "blobs.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 255, (64, 8, 8), dtype=np.uint8))
    transferred = zoo.transfer(autoencoder(seed=3), strategy="decoder-init+encoder-init+gmm-prior", data=str(path))
    return zoo.train(
        transferred,
        str(path),
        out=folder / "run",
        images=64,
        training=SMALL,
        evaluation={"metric": "judge", "samples": 20, "at": [64]},
    )


@pytest.fixture
def release(run, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    run.release(tmp_path / "release", license="Apache-2.0", name="dcgan.blobs")
    return tmp_path / "release"


def test_saving_and_loading_gives_bit_identical_samples(run, release: Path) -> None:  # type: ignore[no-untyped-def]
    pair = zoo.load(release)
    assert pair.gan is not None
    assert pair.autoencoder is not None
    assert torch.equal(pair.gan.sample(70, seed=5), run.gan.sample(70, seed=5))
    x = run.images.batch(run.images.held_out)
    assert torch.equal(pair.autoencoder.encode(x), run.autoencoder.encode(x))
    assert torch.equal(pair.gan.score(x), run.gan.score(x))


def test_the_same_run_gives_the_same_bytes(run, release: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run.release(tmp_path / "again", license="Apache-2.0", name="dcgan.blobs")
    for path in release.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_the_manifest_tells_what_it_is_and_where_it_came_from(run, release: Path) -> None:  # type: ignore[no-untyped-def]
    manifest = read_manifest(release)
    assert manifest.holds == ("autoencoder", "gan")
    assert manifest.lineage is not None
    assert manifest.lineage.strategy.startswith("transfer/decoder-init+transfer/encoder-init")
    assert len(manifest.lineage.tensors) == len(run.report)
    assert {metric.name for metric in manifest.metrics} == {"kid", "fid", "precision", "recall"}
    assert all(metric.data == "blobs" for metric in manifest.metrics)
    assert [metric.n for metric in manifest.metrics if metric.name in ("kid", "fid")] == [20, 20]
    assert manifest.parts["prior"].component == "core/gmm"
    assert (release / "README.md").read_text().startswith("---")
    verify_files(release, manifest)


def test_a_loaded_autoencoder_remembers_its_release_and_hands_it_on(run, release: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    source = zoo.load(release).autoencoder
    assert source is not None
    again = zoo.train(zoo.transfer(source), run.images, out=tmp_path / "run", images=16, training=SMALL)
    again.release(tmp_path / "child", license="MIT", name="dcgan.child")
    lineage = read_manifest(tmp_path / "child").lineage
    assert lineage is not None
    assert lineage.source is not None
    assert (lineage.source.name, lineage.source.version) == ("dcgan.blobs", "0.1.0")


def test_a_flipped_bit_anywhere_is_refused_with_the_files_name(release: Path) -> None:
    rng = random.Random(0)
    for path in sorted(release.iterdir()):
        whole = path.read_bytes()
        for _ in range(4):
            data = bytearray(whole)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
            with pytest.raises(ZooError) as caught:
                verify_files(release, read_manifest(release))
            # zoo.json is pinned by registries only; a flip in it breaks its own facts or a pin
            assert path.name in str(caught.value) or path.name == "zoo.json"
            path.write_bytes(whole)


def test_loading_refuses_changed_weights_even_when_nobody_verified_before(release: Path) -> None:
    path = release / "generator.safetensors"
    data = bytearray(path.read_bytes())
    data[-3] ^= 4
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=r"generator\.safetensors"):
        zoo.load(release)


@pytest.mark.parametrize("change", ["extra", "missing", "shape", "dtype"])
def test_weights_that_do_not_fit_the_component_are_refused(change: str, release: Path) -> None:
    """Even when the manifest pins them."""
    import dataclasses

    from zoo.release.folder import pin_file
    from zoo.release.manifest import manifest_bytes

    manifest = read_manifest(release)
    path = release / "decoder.safetensors"
    tensors = unpack(path.read_bytes(), "x")
    name = sorted(tensors)[0]
    if change == "extra":
        tensors["surplus"] = torch.zeros(1)
    elif change == "missing":
        del tensors[name]
    elif change == "shape":
        tensors[name] = tensors[name].flatten()[:-1]
    else:
        tensors[name] = tensors[name].double()
    data = pack(tensors, {})
    pin = pin_file(data)
    part = dataclasses.replace(manifest.parts["decoder"], sha256=pin.sha256, size=pin.size)
    path.write_bytes(data)
    changed = dataclasses.replace(manifest, parts={**manifest.parts, "decoder": part})
    (release / "zoo.json").write_bytes(manifest_bytes(changed))
    with pytest.raises(IntegrityError, match=r"decoder\.safetensors"):
        zoo.load(release)


def test_a_release_that_needs_a_missing_plugin_says_which_to_install(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo import plugins

    monkeypatch.setenv("ZOO_DISABLE_PLUGINS", "dcgan")
    plugins.load.cache_clear()
    plugins.host.cache_clear()
    try:
        with pytest.raises(ReleaseError, match="needs a component that is not installed") as caught:
            zoo.load(release)
    finally:
        monkeypatch.undo()
        plugins.load.cache_clear()
        plugins.host.cache_clear()
    assert "zoo-dcgan" in caught.value.hint


def test_test_vectors_are_reproduced_and_name_the_first_module_that_differs(release: Path) -> None:
    manifest = read_manifest(release)
    assert replay(release, manifest) == []
    recorded = unpack((release / VECTORS).read_bytes(), VECTORS)
    pair = zoo.load(release)
    assert pair.gan is not None
    with torch.no_grad():
        pair.gan.generator.base[1].weight.add_(0.5)  # type: ignore[index, union-attr]
    given = record_vectors(pair.autoencoder, pair.gan, recorded["x"], recorded["z"])
    differences = compare(recorded, given, rtol=1e-3, atol=1e-4, per_million=0)
    assert differences
    assert differences[0].name.startswith("statistic/generator/")
    assert "base" in differences[0].name


def test_the_starter_release_is_registered_whole_and_reproduces_its_vectors() -> None:
    [entry] = [entry for entry in zoo.models("dcgan.*") if entry.name == "dcgan.glyphs-sans32"]
    assert entry.default
    pair = zoo.load("dcgan")
    assert pair.manifest.name == entry.name
    assert replay(pair.folder, pair.manifest) == []


def test_an_interrupted_release_leaves_nothing(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    import os

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(zoo.ZooError, match="No space left"):
        run.release(tmp_path / "release", license="MIT")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_manifest_and_an_unknown_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"no zoo\.json"):
        zoo.load(tmp_path)
    with pytest.raises(ZooError, match="Did you mean"):
        zoo.load("dcgan.glyphs-sans3")


def test_a_copied_release_loads_from_anywhere(run, release: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    transferred = tmp_path / "elsewhere"
    shutil.copytree(release, transferred)
    shutil.rmtree(release)
    pair = zoo.load(transferred)
    assert pair.gan is not None
    assert states_equal(pair.gan.generator, run.gan.generator)


def test_a_gan_of_another_shape_than_its_autoencoders_is_released_alone(tmp_path: Path) -> None:
    """Grey weights in a colour GAN: a release is of one shape, and the GAN is what was trained."""
    import numpy as np

    path = tmp_path / "colour.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 255, (40, 8, 8, 3), dtype=np.uint8))
    source = autoencoder(seed=3)
    for name, colour in (
        ("channels", zoo.gan(like=source, shape=(3, 8, 8))),
        ("codes", zoo.gan(like=source, code_shape=source.code_size * 2)),
    ):
        transferred = zoo.transfer(source, colour, "decoder-init")
        run = zoo.train(transferred, str(path), out=tmp_path / name, images=16, training=SMALL)
        manifest = run.release(tmp_path / f"{name}-release", license="CC0-1.0")
        assert manifest.holds == ("gan",)
        pair = zoo.load(tmp_path / f"{name}-release")
        assert pair.gan is not None
        assert torch.equal(pair.gan.sample(2, seed=0), run.gan.sample(2, seed=0))
        assert replay(pair.folder, manifest) == []


def test_weights_that_are_no_numbers_are_neither_loaded_nor_released(run, release: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A diverged GAN would draw black squares and say nothing."""
    from zoo.release.folder import pin_file
    from zoo.release.manifest import manifest_bytes

    manifest = read_manifest(release)
    file = release / "generator.safetensors"
    whole = file.read_bytes()
    for bad in (float("nan"), float("inf")):
        tensors = unpack(whole, "test")
        name = next(iter(tensors))
        tensors[name].flatten()[0] = bad
        file.write_bytes(pack(tensors, {}))
        pin = pin_file(file.read_bytes())
        part = replace(manifest.parts["generator"], sha256=pin.sha256, size=pin.size)
        odd = replace(manifest, parts={**manifest.parts, "generator": part})
        (release / "zoo.json").write_bytes(manifest_bytes(odd))
        with pytest.raises(IntegrityError, match=f"1 of .* values of {name} are not finite numbers") as refused:
            zoo.load(release)
        assert "diverged" in refused.value.hint
    weight = run.gan.generator.first.weight
    before = weight.detach().clone()
    with torch.no_grad():
        weight[0, 0] = float("nan")
    try:
        with pytest.raises(IntegrityError, match=r"generator: 1 of .* are not finite numbers"):
            run.release(tmp_path / "odd", license="CC0-1.0")
    finally:
        with torch.no_grad():
            weight.copy_(before)
    assert not (tmp_path / "odd").exists()
