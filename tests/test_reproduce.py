"""A release says where it was trained, and training it again gives its weights bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from helpers import autoencoder

import zoo
from zoo.cli import zoo as command
from zoo.config import to_plain
from zoo.errors import DataError, ReleaseError
from zoo.release.folder import read_manifest
from zoo.release.manifest import Manifest, manifest_bytes
from zoo.release.provenance import Environment, Provenance, TracedWeights
from zoo.training.provenance import environment, provenance_of
from zoo.training.reproduce import reproduce

TRAINING = {"batch": 16, "checkpoint_every": 32, "sample_every": 96}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (96, 8, 8), dtype=np.uint8))
    return path


@pytest.fixture(scope="module")
def release(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair: the autoencoder was trained by a run before."""
    place = tmp_path_factory.mktemp("runs")
    first = zoo.train(autoencoder("mlp"), str(images), out=place / "ae", images=32, training=TRAINING)
    transferred = zoo.transfer(first.autoencoder, strategy="decoder-init")
    zoo.train(transferred, str(images), out=place / "gan", images=64, training=TRAINING)
    zoo.open_run(place / "gan").release(place / "release", license="MIT", name="mlp.blobs")
    return place / "release"


def verify(release: Path, *words: str) -> Result:
    return CliRunner().invoke(command, ["verify", str(release), "--files", *words])


def changed(release: Path, out: Path, **provenance: Any) -> Path:
    """A copy of the release whose manifest says something else of where it came from."""
    import shutil

    shutil.copytree(release, out)
    manifest = read_manifest(out)
    assert manifest.provenance is not None
    (out / "zoo.json").write_bytes(
        manifest_bytes(replace(manifest, provenance=replace(manifest.provenance, **provenance)))
    )
    return out


def test_a_release_says_where_it_was_trained_and_no_name_of_a_computer(release: Path) -> None:
    import platform

    manifest = read_manifest(release)
    assert manifest.provenance is not None
    assert manifest.provenance.environments == (environment(torch.device("cpu")),)
    assert [one.shown for one in manifest.provenance.weights] == [0, 32, 64]
    assert f"torch {torch.__version__}" in (release / "README.md").read_text()
    assert platform.node() not in str(manifest.provenance)


def test_training_it_again_gives_the_same_bits(release: Path, images: Path) -> None:
    done = verify(release, "--reproduce", "33", "--data", str(images))
    assert done.exit_code == 0, done.output
    assert "the same bits after 0, 32, 64 images" in done.output
    done = verify(release, "--reproduce", "0", "--data", str(images), "--json")
    assert json.loads(done.stdout)["reproduced"] == {"equal": [0], "differs": None, "elsewhere": ""}


def test_weights_that_training_does_not_give_are_found(release: Path, images: Path, tmp_path: Path) -> None:
    manifest = read_manifest(release)
    assert manifest.provenance is not None
    weights = list(manifest.provenance.weights)
    weights[1] = replace(weights[1], sha256="0" * 64)
    other = changed(release, tmp_path / "other", weights=tuple(weights))
    done = verify(other, "--reproduce", "64", "--data", str(images))
    assert done.exit_code == 1
    assert "the same bits after 0, 64 images" in done.output
    assert "other weights after 32 images" in done.output
    assert "environment" not in done.output


def test_another_environment_is_named(release: Path, images: Path, tmp_path: Path) -> None:
    here = environment(torch.device("cpu"))
    manifest = read_manifest(release)
    assert manifest.provenance is not None
    wrong = tuple(replace(one, sha256="0" * 64) for one in manifest.provenance.weights)
    there = (replace(here, torch="1.0"),)
    other = changed(release, tmp_path / "other", environments=there, weights=wrong)
    done = verify(other, "--reproduce", "0", "--data", str(images))
    assert done.exit_code == 1
    assert f"torch 1.0, here {torch.__version__}" in done.output


def test_where_the_images_are_must_be_said_if_the_recipe_does_not(release: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        reproduce(release, read_manifest(release), tmp_path / "again", images=0)
    assert "--data PATH" in refusal.value.hint


def test_a_release_that_does_not_say_is_refused(release: Path, tmp_path: Path) -> None:
    for manifest in (
        replace(read_manifest(release), provenance=None),
        replace(read_manifest(release), provenance=Provenance((environment(torch.device("cpu")),))),
    ):
        with pytest.raises(ReleaseError, match="does not say how its weights were"):
            reproduce(release, manifest, tmp_path / "again", images=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"environments": []},
        {"environments": [{"zoo": "", "torch": "2", "python": "3", "machine": "x", "device": "cpu"}]},
        {"environments": [{"zoo": "1", "torch": "2\x1b[0m", "python": "3", "machine": "x", "device": "cpu"}]},
        {"weights": [{"shown": 3, "sha256": "0" * 64}, {"shown": 3, "sha256": "1" * 64}]},
        {"weights": [{"shown": -1, "sha256": "0" * 64}]},
        {"weights": [{"shown": 1, "sha256": "x"}]},
    ],
)
def test_a_wrong_provenance_is_refused(release: Path, wrong: dict[str, Any]) -> None:
    from zoo.config import from_plain

    plain = to_plain(read_manifest(release))
    plain["provenance"] |= wrong
    with pytest.raises(ReleaseError, match=r"provenance|sha256"):
        from_plain(Manifest, plain, "zoo.json", error=ReleaseError)


def test_a_resumed_run_has_both_environments_and_only_what_came_before_its_weights() -> None:
    here = Environment("1", "2", "3", "x86_64 AVX2", "cpu")
    there = replace(here, torch="2.1")
    events = [
        {"kind": "start", "shown": 0, "environment": to_plain(here)},
        {"kind": "checkpoint", "shown": 0, "weights": "0" * 64},
        {"kind": "start", "shown": 32, "environment": to_plain(there)},
        {"kind": "checkpoint", "shown": 64, "weights": "1" * 64},
        {"kind": "checkpoint", "shown": 96, "weights": "2" * 64},
    ]
    assert provenance_of(events, 64) == Provenance(
        (here, there), (TracedWeights(0, "0" * 64), TracedWeights(64, "1" * 64))
    )
    assert provenance_of([{"kind": "start", "shown": 0}], 64) is None
    assert provenance_of([{"kind": "start", "shown": 0, "environment": {"zoo": 3}}], 64) is None
