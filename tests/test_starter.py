"""The starter data sets and the feature space `judge`, used like any plugin's components."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import zoo_starter
from zoo_starter import judge as judge_module
from zoo_starter.config import DatasetConfig, JudgeConfig
from zoo_starter.datasets import glyphs_sans32, typeface
from zoo_starter.judge import Judge

from zoo import plugins
from zoo.data.images import ImageSet
from zoo.data.open import open_images
from zoo.errors import IntegrityError
from zoo.metrics.evaluate import Reference, reference
from zoo.registry.load import load
from zoo.registry.replay import replay

SETS = {
    "mnist5k": ((1, 32, 32), 5000, 1000, 10, "CC-BY-SA-3.0"),
    "glyphs-sans32": ((1, 32, 32), 16278, 3136, 62, "OFL-1.1 AND Apache-2.0"),
    "emoji-noto64": ((3, 64, 64), 1631, 326, 8, "Apache-2.0"),
}
PACKAGE = Path(zoo_starter.__file__).parent


@pytest.fixture(scope="module")
def sets() -> dict[str, ImageSet]:
    return {name: open_images(f"starter/{name}") for name in SETS}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge(JudgeConfig())


@pytest.mark.parametrize("name", SETS)
def test_each_set_is_what_the_readme_says(name: str, sets: dict[str, ImageSet]) -> None:
    shape, count, held_out, classes, license = SETS[name]
    dataset = sets[name]
    assert dataset.spec.shape == shape
    assert (len(dataset), len(dataset.held_out), len(dataset.train)) == (count, held_out, count - held_out)
    assert dataset.license == license
    assert dataset.credit
    assert dataset.labels is not None
    for rows in (dataset.train, dataset.held_out):
        assert sorted(set(dataset.labels[rows].tolist())) == list(range(classes))


def test_held_out_typefaces_are_not_in_the_training_split() -> None:
    """No weight, width or style of one typeface is in both splits; a split by family names would not ensure that."""
    with np.load(PACKAGE / "data" / "glyphs-sans32.npz") as file:
        faces = np.array([typeface(str(family)) for family in file["families"]])
    train = glyphs_sans32(DatasetConfig()).train
    assert not set(faces[train]) & set(faces[~train])
    assert len(set(faces[~train])) == 13
    assert typeface("Roboto Condensed Light") == typeface("Roboto") == "roboto"
    assert typeface("Inter Display ExtraLight") == typeface("Inter Black")


def test_digits_are_padded_and_emoji_stand_on_white(sets: dict[str, ImageSet]) -> None:
    digits, emoji = sets["mnist5k"], sets["emoji-noto64"]
    with np.load(PACKAGE / "data" / "mnist5k.npz") as file:
        assert np.array_equal(digits.pixels[:, 0, 2:-2, 2:-2].numpy(), file["images"])
    assert digits.pixels[:, :, :2].max() == 0
    assert emoji.spec.background == 255
    assert emoji.pixels[:, :, 0, 0].float().mean() > 250


def test_plugin_and_configs_import_no_torch() -> None:
    code = "import sys, zoo_starter.plugin, zoo_starter.config; assert not {'torch', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_everything_is_found_by_the_entry_point() -> None:
    ids = {registered.id for registered in plugins.components(pattern="starter/*")}
    assert ids == {f"starter/{name}" for name in (*SETS, "judge")}
    registries = dict(plugins.registries())
    assert tomllib.loads(registries["starter"].read_text("utf-8"))["format"] == 1
    (entry,) = importlib.metadata.entry_points(group="zoo.plugins", name="starter")
    assert entry.dist is not None
    assert entry.dist.name == "zoo-starter"


def test_the_classifier_recognises_held_out_images(judge: Judge, sets: dict[str, ImageSet]) -> None:
    """The accuracies of its docstring, within what 326 to 1,000 images can tell."""
    first = {"mnist5k": (0, 0.97), "glyphs-sans32": (10, 0.85), "emoji-noto64": (72, 0.62)}
    for name, (offset, least) in first.items():
        dataset = sets[name]
        rows = dataset.held_out[:600]
        assert dataset.labels is not None
        with torch.no_grad():
            guesses = judge.net.head(judge.net.raw(dataset.batch(rows))).argmax(1)
        assert (guesses == dataset.labels[rows] + offset).float().mean() >= least, name


def test_judge_features_are_standardised(judge: Judge, sets: dict[str, ImageSet]) -> None:
    """Each set weighs the same in it: mean 0, deviation 1."""
    features = torch.cat([judge.features(dataset.batch(dataset.train[:500])) for dataset in sets.values()])
    assert features.shape == (1500, 128)
    assert features.dtype == torch.float32
    assert features.mean(0).abs().max() < 0.25
    assert (features.std(0) - 1).abs().max() < 0.25


def test_judge_takes_any_channels_and_size(judge: Judge) -> None:
    rng = torch.Generator().manual_seed(0)
    grey = torch.rand(3, 1, 32, 32, generator=rng) * 2 - 1
    as_rgb = judge.features(grey.expand(-1, 3, -1, -1))
    assert torch.allclose(judge.features(grey), as_rgb, atol=1e-5)
    assert torch.allclose(judge.features(grey.expand(-1, 5, -1, -1)), as_rgb, atol=1e-4)
    for shape in ((2, 3, 8, 8), (2, 1, 100, 37), (2, 3, 256, 256)):
        assert judge.features(torch.zeros(shape)).shape == (2, 128)
    big = torch.nn.functional.interpolate(grey, (64, 64))
    assert torch.allclose(judge.features(big), judge.features(grey), atol=2.0)


def test_judge_is_the_same_in_training_mode_and_in_any_batch(sets: dict[str, ImageSet]) -> None:
    x = sets["mnist5k"].batch(torch.arange(6))
    judge = Judge(JudgeConfig())
    whole = judge.features(x)
    judge.train()
    assert torch.equal(judge.features(x), whole)
    single = torch.cat([judge.features(row) for row in x.split(1)])
    assert torch.allclose(single, whole, atol=1e-4)
    assert not whole.requires_grad


def test_judge_orders_damage(sets: dict[str, ImageSet]) -> None:
    """Real digits have a distance near the floor; blurred ones and half of the classes a larger one, noise the
    largest."""
    digits = sets["mnist5k"]
    metrics = reference(digits, "judge")
    assert digits.labels is not None
    rows = digits.train[:500]
    x = digits.batch(rows)

    def measured(samples: torch.Tensor) -> tuple[float, float]:
        distance, frechet, *_ = metrics.measure(samples)
        return distance.value, frechet.value

    real = measured(x)
    blurred = measured(torch.nn.functional.avg_pool2d(x, 3, 1, 1))
    half = measured(digits.batch(digits.train[:1000][digits.labels[digits.train[:1000]] < 5]))
    noise = measured(torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    assert abs(real[0]) < 0.05
    for i in (0, 1):
        assert real[i] < blurred[i] / 2
        assert real[i] < half[i] / 2
        assert max(blurred[i], half[i]) < noise[i] / 2


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray((PACKAGE / "judge.safetensors").read_bytes())
    content[-1] ^= 1
    changed = tmp_path / "judge.safetensors"
    changed.write_bytes(content)
    monkeypatch.setattr(judge_module, "_WEIGHTS", changed)
    with pytest.raises(IntegrityError, match="sha256"):
        Judge(JudgeConfig())
    changed.unlink()
    with pytest.raises(IntegrityError, match="cannot be read"):
        Judge(JudgeConfig())


def test_records_name_the_judge_and_its_weights(sets: dict[str, ImageSet]) -> None:
    metrics = reference(sets["emoji-noto64"], "judge")
    assert isinstance(metrics, Reference)
    assert metrics.extractor == f"starter/judge@{judge_module.WEIGHTS_SHA256[:12]}"


def test_package_is_small_and_carries_its_credits() -> None:
    assert (PACKAGE / "judge.safetensors").stat().st_size < 2_000_000
    credits = (PACKAGE / "licenses" / "CREDITS.md").read_text("utf-8")
    for file in (*(f"data/{name}.npz" for name in SETS), "judge.safetensors"):
        assert file in credits


PAIRS = {"dcgan.mnist5k", "mlp.mnist5k", "dcgan.glyphs-sans32", "dcgan.emoji-noto64"}


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_each_starter_pair_is_whole_measured_and_reproduced(name: str) -> None:
    pair = load(name)
    assert pair.manifest.holds == ("autoencoder", "gan")
    assert pair.manifest.credits
    assert replay(pair.folder, pair.manifest) == []
    figures = {metric.name: metric for metric in pair.manifest.metrics}
    assert {"kid", "fid", "precision", "recall", "memorisation_gap"} <= set(figures)
    assert figures["kid"].extractor.startswith("starter/judge@")
    assert figures["kid"].split == "held-out"
    assert pair.autoencoder is not None
    assert pair.gan is not None
    assert pair.gan.sample(2).shape[1:] == pair.autoencoder.data.shape


def test_the_starter_pairs_take_less_than_40_megabytes() -> None:
    folder = PACKAGE / "releases"
    assert {path.name for path in folder.iterdir()} == PAIRS
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 40e6
