"""Test vectors prove the prior too, within tolerances that have a cap, and their inputs are checked first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released
from torch import Tensor

import zoo
from zoo._utils.seeds import stream
from zoo._utils.tensors import pack, unpack
from zoo.cli import zoo as command
from zoo.errors import IntegrityError
from zoo.networks.vectors import compare, record_vectors
from zoo.registry.index import open_release
from zoo.registry.replay import VECTORS, replay_vectors
from zoo.release.folder import pin_file, read_manifest
from zoo.release.manifest import Tolerances, manifest_bytes

EXACT = {"rtol": 0.0, "atol": 0.0, "per_million": 0}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release") / "original")


def with_vectors(original: Path, place: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    """The release with other vectors, pinned as if they were right."""
    shutil.copytree(original, place)
    manifest = read_manifest(place)
    vectors = unpack((place / VECTORS).read_bytes(), "x")
    change(vectors)
    data = pack(vectors, {})
    (place / VECTORS).write_bytes(data)
    files = {**manifest.files, VECTORS: pin_file(data)}
    (place / "zoo.json").write_bytes(manifest_bytes(replace(manifest, files=files)))
    return place


def with_part(original: Path, place: Path, role: str, change: Callable[[Tensor], Tensor], **facts: object) -> Path:
    """The release with other weights of a part, pinned as if they were right."""
    shutil.copytree(original, place)
    manifest = read_manifest(place)
    part = manifest.parts[role]
    data = pack({name: change(value) for name, value in unpack((place / part.file).read_bytes(), "x").items()}, {})
    (place / part.file).write_bytes(data)
    pin = pin_file(data)
    parts = {**manifest.parts, role: replace(part, sha256=pin.sha256, size=pin.size)}
    (place / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts=parts, **facts)))  # type: ignore[arg-type]
    return place


def test_codes_of_the_prior_are_among_the_vectors(original: Path) -> None:
    gan = zoo.gan(like=autoencoder(), prior="core/gaussian", seed=0).eval()
    x, z = torch.zeros(2, 1, 8, 8), torch.zeros(2, 6)
    before = record_vectors(None, gan, x, z)
    assert torch.equal(before["drawn"], gan.prior.sample(2, stream(0, "sample")))
    assert torch.equal(before["drawn_sample"], gan.generate(before["drawn"]))
    gan.prior.mean += 0.1  # type: ignore[operator]
    changed = [one.name for one in compare(before, record_vectors(None, gan, x, z), **EXACT)]
    assert changed == ["drawn", "drawn_sample"]
    assert replay_vectors(original, read_manifest(original)).covers_prior


def test_a_release_without_these_vectors_is_checked_for_a_prior_that_draws_nonsense(
    original: Path, tmp_path: Path
) -> None:
    older = with_vectors(
        original, tmp_path / "older", lambda vectors: [vectors.pop("drawn"), vectors.pop("drawn_sample")]
    )
    replayed = replay_vectors(older, read_manifest(older))
    assert replayed.differences == []
    assert not replayed.covers_prior
    said = CliRunner().invoke(command, ["verify", str(older)]).output
    assert "Compared within 0.001 of the value and 0.0001; of its prior only that it draws finite codes." in said
    bundled = open_release("dcgan.mnist5k")[0]
    wild = with_part(bundled, tmp_path / "wild", "prior", lambda value: value * 3e30)
    with pytest.raises(IntegrityError, match="what its prior draws"):
        replay_vectors(wild, read_manifest(wild))


def test_tolerances_have_a_cap_that_random_weights_do_not_pass(original: Path, tmp_path: Path) -> None:
    assert Tolerances(1e9, 1e9, 10**6).capped == Tolerances(1e-2, 1e-3, 1000)
    assert Tolerances().capped == Tolerances()
    generous = {"tolerances": Tolerances(1e9, 1e9, 10**6)}
    random = with_part(original, tmp_path / "random", "generator", torch.rand_like, **generous)
    assert replay_vectors(random, read_manifest(random)).differences


@pytest.mark.parametrize(("recorded", "given"), [(torch.inf, 1.0), (torch.inf, torch.inf), (1.0, torch.nan)])
def test_what_is_not_finite_matches_nothing(recorded: float, given: float) -> None:
    (difference,) = compare({"code": torch.tensor([recorded])}, {"code": torch.tensor([given])}, **EXACT)
    assert difference.outside == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", torch.zeros(4, 1, 8, 9)),
        ("x", torch.zeros(4, 1, 8, 8, dtype=torch.float64)),
        ("x", torch.zeros(4, 1, 8, 8, dtype=torch.int64)),
        ("x", torch.full((4, 1, 8, 8), torch.nan)),
        ("x", torch.zeros(0, 1, 8, 8)),
        ("z", torch.zeros(4, 7)),
        ("z", torch.zeros(257, 6)),
        ("z", torch.zeros(())),
        ("z", torch.full((4, 6), torch.inf)),
    ],
)
def test_inputs_that_the_networks_do_not_take_are_refused(
    original: Path, tmp_path: Path, name: str, value: Tensor
) -> None:
    wrong = with_vectors(original, tmp_path / "wrong", lambda vectors: vectors.update({name: value}))
    with pytest.raises(IntegrityError, match=rf"{VECTORS}: {name} is"):
        replay_vectors(wrong, read_manifest(wrong))
