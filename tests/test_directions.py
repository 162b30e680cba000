"""Directions in code space: found from labels, examples and components; saved, checked when read, used by zoo edit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released
from PIL import Image
from torch import Tensor

import zoo
from zoo._utils.tensors import pack
from zoo.cli import zoo as command
from zoo.editing.direction_files import read_directions, write_directions
from zoo.editing.directions import Directions, find_directions, of_attributes, of_classes, principal
from zoo.editing.inversion import invert
from zoo.editing.release_directions import release_directions
from zoo.editing.space import CodeSpace
from zoo.errors import ConfigError, DataError, IntegrityError


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def named(vectors: Tensor, method: str = "examples", names: tuple[str, ...] = ("a", "b")) -> Directions:
    return Directions(names, vectors, method, "dcgan.blobs", "0" * 64)


def test_one_centre_a_class_is_its_mean_and_the_way_between_two_is_straight() -> None:
    codes, labels = normal(40, 3), torch.arange(40) % 2
    found = named(torch.stack(list(of_classes(codes, labels, ("a", "b"), 1).values())), "classes")
    way = codes[labels == 1].mean(0) - codes[labels == 0].mean(0)
    torch.testing.assert_close(found.moves("a,b", codes), way.expand(40, 3))
    torch.testing.assert_close(found.moves("b,a", codes), -way.expand(40, 3))


def test_a_code_moves_from_the_centre_nearest_to_it_to_the_nearest_of_the_class() -> None:
    centres = torch.tensor([[[0.0, 0.0], [10.0, 0.0]], [[0.0, 1.0], [10.0, 2.0]]])
    found = named(centres, "classes")
    codes = torch.tensor([[0.1, 0.1], [9.0, 0.2], [10.0, 2.1]])
    assert found.moves("b", codes).tolist() == [[0.0, 1.0], [0.0, 2.0], [0.0, 0.0]], "the last is a b already"
    assert found.moves("a,b", codes)[2].tolist() == [0.0, 2.0]


def test_a_class_with_a_comma_in_its_name_is_found() -> None:
    found = named(torch.tensor([[[1.0]], [[3.0]]]), "classes", ("hats, caps", "shoes"))
    assert found.moves("hats, caps", torch.tensor([[3.1]])).tolist() == [[-2.0]]


def test_centres_of_small_and_missing_classes() -> None:
    codes = torch.cat([normal(20, 2), normal(3, 2, seed=1) + 5])
    labels = torch.tensor([0] * 20 + [2] * 3)
    found = of_classes(codes, labels, ("many", "none", "few"), 4)
    assert list(found) == ["many", "few"]
    assert found["many"].unique(dim=0).shape == (4, 2)
    torch.testing.assert_close(found["few"], codes[20:].mean(0).expand(4, 2))


def test_an_attributes_direction_raises_it_and_leaves_the_others_to_a_linear_regression() -> None:
    """Two attributes that follow each other: alone, one's direction drags the other along."""
    first = normal(2000)
    second = 0.8 * first + 0.6 * normal(2000, seed=1)
    both = torch.stack([3 * first, second], 1)
    mixing = normal(2, 5, seed=2)
    codes = both / both.std(0) @ mixing + 0.1 * normal(2000, 5, seed=3)
    found = of_attributes(codes, both, ("one", "two"))
    wanted = (both - both.mean(0)) / both.std(0)
    weights = torch.linalg.lstsq(codes - codes.mean(0), wanted).solution
    changes = torch.stack([direction @ weights for direction in found.values()])
    assert (changes.diagonal() > 0.8).all()
    assert changes.fliplr().diagonal().abs().max() < 0.1
    alone = of_attributes(codes, both[:, :1], ("one",))["one"] @ weights
    assert alone[1] > 0.5


def test_attributes_that_cannot_be_told_apart_are_refused_and_constant_ones_left_out() -> None:
    codes, one = normal(100, 4), normal(100, 1, seed=1)
    with pytest.raises(ConfigError, match="follow from each other"):
        of_attributes(codes, torch.cat([one, -2 * one], 1), ("one", "minus"))
    assert list(of_attributes(codes, torch.cat([one, torch.ones(100, 1)], 1), ("one", "same"))) == ["one"]
    with pytest.raises(ConfigError, match="no attribute changes"):
        of_attributes(codes, torch.ones(100, 1), ("same",))


def test_components_are_orthogonal_and_as_long_as_the_codes_spread() -> None:
    codes = normal(500, 3) * torch.tensor([1.0, 5.0, 2.0])
    first, second = principal(codes, 2).values()
    assert first.abs().argmax() == 1
    assert float(first.norm()) == pytest.approx(float(codes[:, 1].std()), rel=0.02)
    assert abs(float(first @ second)) < 1e-3
    assert first[1] > 0, "the sign is fixed"
    with pytest.raises(ConfigError, match="at most 3"):
        principal(codes, 4)


def test_directions_are_found_from_what_is_given(images_file: Path) -> None:
    ae = autoencoder()
    images = zoo.open_images(images_file, like=ae.output)
    codes = ae.encode(images.batch(images.train))
    found = find_directions(ae, images, components=2, name="blobs")
    torch.testing.assert_close(found.vectors[0, 0], principal(codes, 2)["1"])
    halves = [images.subset(rows, "half") for rows in torch.arange(96).split(48)]
    found = find_directions(ae, examples={"on": (halves[0], halves[1])})
    every = ae.encode(images.batch(torch.arange(96)))
    torch.testing.assert_close(found.vectors[0, 0], every[48:].mean(0) - every[:48].mean(0))
    with pytest.raises(ConfigError, match="no labels"):
        find_directions(ae, images)
    with pytest.raises(ConfigError, match="no images"):
        find_directions(ae)
    with pytest.raises(ConfigError, match="no prior"):
        find_directions(ae, components=2)
    with pytest.raises(ConfigError, match="do not go together"):
        find_directions(ae, images, examples={"on": (halves[0], halves[1])})
    gan = zoo.gan(like=ae, seed=0)
    unnamed = find_directions(gan, components=3)
    assert (unnamed.names, unnamed.model) == (("1", "2", "3"), "a model without a release")


def test_directions_belong_to_one_generator() -> None:
    ae = autoencoder()
    found = find_directions(zoo.gan(like=ae, seed=0), components=1, name="mine")
    found.require_for(CodeSpace(zoo.gan(like=ae, seed=0)))
    with pytest.raises(ConfigError, match="another model, mine"):
        found.require_for(CodeSpace(zoo.gan(like=ae, seed=1)))


def test_a_file_of_directions_is_read_as_it_was_written(tmp_path: Path) -> None:
    before = named(normal(2, 1, 5))
    write_directions(tmp_path / "a.safetensors", before)
    after = read_directions(tmp_path / "a.safetensors")
    assert torch.equal(after.vectors, before.vectors)
    assert replace(after, vectors=before.vectors) == before
    with pytest.raises(IntegrityError, match="names"):
        write_directions(tmp_path / "b.safetensors", named(normal(2, 1, 5), names=("a" * 201, "b")))
    assert not (tmp_path / "b.safetensors").exists()


FACTS = {"format": 1, "names": ["a"], "method": "examples", "model": "m", "generator": "0" * 64}


@pytest.mark.parametrize(
    ("vectors", "facts", "match"),
    [
        (normal(1, 1, 5), {**FACTS, "more": 1}, "no file of directions"),
        (normal(1, 1, 5), {}, "no file of directions"),
        (normal(1, 1, 5), {**FACTS, "format": 2}, "format"),
        (normal(1, 1, 5), {**FACTS, "format": True}, "format"),
        (normal(1, 1, 5), {**FACTS, "names": "a"}, "names"),
        (normal(1, 1, 5), {**FACTS, "names": [["a"]]}, "names"),
        (normal(2, 1, 5), {**FACTS, "names": ["a", "a"]}, "twice"),
        (normal(1, 1, 5), {**FACTS, "names": ["a" * 201]}, "names"),
        (normal(1, 1, 5), {**FACTS, "method": ["classes"]}, "how its directions"),
        (normal(2, 1, 5), FACTS, "2 directions of 1 names"),
        (normal(1, 2, 5), FACTS, "no finite ones"),
        (normal(1, 0, 5), {**FACTS, "method": "classes"}, "no finite ones"),
        (torch.full((1, 1, 5), torch.inf), FACTS, "no finite ones"),
        (normal(1, 5), FACTS, "float32 tensor"),
        (normal(1, 1, 5).double(), FACTS, "float32 tensor"),
    ],
)
def test_a_hostile_file_of_directions_is_refused(tmp_path: Path, vectors: Tensor, facts: object, match: str) -> None:
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(pack({"directions": vectors}, facts))  # type: ignore[arg-type]
    with pytest.raises(IntegrityError, match=match):
        read_directions(path)


def test_files_that_are_no_directions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        read_directions(tmp_path / "missing.safetensors")
    write_directions(tmp_path / "a.safetensors", named(normal(2, 1, 5)))
    (tmp_path / "link").symlink_to(tmp_path / "a.safetensors")
    with pytest.raises(DataError, match="link"):
        read_directions(tmp_path / "link")
    data = (tmp_path / "a.safetensors").read_bytes()
    for cut in (0, 7, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.safetensors").write_bytes(data[:cut])
        with pytest.raises(IntegrityError):
            read_directions(tmp_path / "cut.safetensors")


def test_an_edit_is_the_image_of_the_moved_code() -> None:
    ae = autoencoder()
    found = invert(ae, ae.decode(normal(2, 6)), steps=1)
    moves = normal(2, 6, seed=1)
    edited = found.edited(moves, [-1.0, 0.0, 2.0])
    assert edited.shape == (2, 3, 1, 8, 8)
    torch.testing.assert_close(edited[:, 1], found.images, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(edited[:, 2], ae.decode(found.codes + 2 * moves), atol=1e-5, rtol=1e-4)
    with pytest.raises(ConfigError, match="do not fit"):
        found.edited(moves[:, :5], [1.0])


def zoo_cli(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(command, [str(word) for word in words])
    return done.exit_code, str(done.exception) if done.exception is not None else done.stdout


def folder(path: Path, low: int, high: int) -> Path:
    path.mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(low, high, (8, 8), dtype=np.uint8)).save(path / f"{i}.png")
    return path


def test_directions_are_found_listed_and_used_by_command(tmp_path: Path) -> None:
    release = released(tmp_path / "release")
    dark, light = folder(tmp_path / "dark", 0, 90), folder(tmp_path / "light", 160, 250)
    file, strip = tmp_path / "found.safetensors", tmp_path / "strip.png"
    assert zoo_cli("directions", "find", release, "--components", 2, "-o", file, "-q") == (0, f"{file}\n")
    assert zoo_cli("directions", "show", file, "-q") == (0, "1\n2\n")
    edit = ("edit", release, dark / "0.png", "--steps", 2, "-o", strip)
    code, text = zoo_cli(*edit, "--directions", file, "--direction", 2, "--count", 5, "--json")
    assert code == 0
    assert json.loads(text)["strengths"] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    with Image.open(strip) as sheet:
        assert sheet.width > 6 * 48
    code, text = zoo_cli(*edit, "--from", dark, "--to", light, "--strength", "1.5", "--json")
    assert json.loads(text)["strengths"] == [1.5]
    assert zoo_cli("directions", "find", release, "--from", dark, "--to", light, "-o", file, "-q")[0] == 0
    assert read_directions(file).names == ("light",)
    assert "there is no direction 'lihgt'" in zoo_cli(*edit, "--directions", file, "--direction", "lihgt")[1]


@pytest.mark.parametrize(
    "words", [(), ("--from", "a"), ("--to", "a"), ("--directions", "f", "--from", "a", "--to", "b")]
)
def test_an_edit_needs_one_direction(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert zoo_cli("edit", released(tmp_path / "release"), "x.png", "-o", "y.png", *words)[0] == 2


@pytest.mark.parametrize("strength", ["a..b", "nan", "1..inf", "-1000", ".."])
def test_a_strength_is_a_number_or_two(strength: str) -> None:
    assert zoo_cli("edit", "m", "x.png", "--strength", strength, "-o", "y.png")[0] == 2


def test_a_release_brings_directions_along(tmp_path: Path) -> None:
    """They are pinned; zoo edit takes them without a file; another generator's are refused."""
    release = released(tmp_path / "release")
    model = zoo.load(release)
    find_axes = find_directions(model, components=2)
    write_directions(tmp_path / "axes.safetensors", find_axes)
    run = CliRunner().invoke
    words = ["directions", "save", str(release), str(tmp_path / "axes.safetensors"), "--write", str(tmp_path / "new")]
    assert "immutable" in str(run(command, [*words, "--version", model.manifest.version]).exception)
    done = run(command, [*words, "--version", "2.0.0"])
    assert done.exit_code == 0, done.output
    assert run(command, ["verify", str(tmp_path / "new")]).exit_code == 0
    brought = release_directions(zoo.load(tmp_path / "new"))
    assert [one.names for one in brought] == [("1", "2")]
    assert torch.equal(brought[0].vectors, find_axes.vectors)
    assert release_directions(model) == []
    photo = tmp_path / "photo.png"
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(photo)
    words = ["edit", str(tmp_path / "new"), str(photo), "--steps", "1", "-o", str(tmp_path / "strip.png")]
    assert run(command, [*words, "--direction", "2"]).exit_code == 0
    assert "Say which" in getattr(run(command, words).exception, "hint", "")
    assert "no direction" in str(run(command, [*words, "--direction", "3"]).exception)
    shown = run(command, ["directions", "show", str(tmp_path / "new"), "-q"])
    assert shown.stdout.split() == ["1", "2"]
    damaged = tmp_path / "new" / "directions-components.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError):
        release_directions(zoo.load(tmp_path / "new"))
    other = replace(find_axes, generator="0" * 64)
    write_directions(tmp_path / "other.safetensors", other)
    words = ["directions", "save", str(release), str(tmp_path / "other.safetensors"), "--write", str(tmp_path / "more")]
    assert "another model" in str(run(command, [*words, "--version", "3"]).exception)
