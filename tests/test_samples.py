"""Samples as training data: a data set for torch, and a folder with a table that a kill does not change."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import pickle
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from helpers import autoencoder, released
from PIL import Image
from torch import Tensor

import zoo
from zoo.cli import zoo as command
from zoo.data.images import ImageSet
from zoo.errors import ConfigError, DataError, StorageError
from zoo.networks.gan import GAN
from zoo.sampling import folder as folders
from zoo.sampling.folder import write_samples
from zoo.sampling.logistic import fit_logistic
from zoo.sampling.rejection import ByScore, scores
from zoo.sampling.series import SampleSeries
from zoo.types import PartSpec


class Brightness(torch.nn.Module):
    """A feature space of two numbers: the mean of the upper half and that of the lower one."""

    sha256, dim = "0" * 64, 2

    def features(self, images: Tensor) -> Tensor:
        return torch.stack([images[:, :, :4].mean((1, 2, 3)), images[:, :, 4:].mean((1, 2, 3))], 1)


@pytest.fixture(scope="module")
def gan() -> GAN:
    return zoo.gan(like=autoencoder(), seed=0)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageSet:
    """200 images of noise, labelled by turns, with names that are and are not names of folders."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "blobs.npz"
    pixels = rng.integers(100, 160, (200, 8, 8), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(200) % 3, classes=np.array(["up", "../x", "Up"]))
    return zoo.open_images(path)


@pytest.fixture(scope="module")
def by_class(images: ImageSet) -> GAN:
    """An untrained GAN whose prior takes a class."""
    source = autoencoder()
    untrained = zoo.gan(like=source, data=images.spec, seed=1)
    return zoo.transfer(source, untrained, [PartSpec("class-prior", {"components": 1})], data=images).gan


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_a_data_set_has_the_images_of_the_gan_by_index(gan: GAN) -> None:
    drawn = zoo.SampledImages(gan, 70, seed=3)
    assert len(drawn) == 70
    torch.testing.assert_close(torch.stack(drawn.__getitems__(range(70))), gan.sample(70, 3))
    torch.testing.assert_close(drawn[69], gan.sample(70, 3)[69])
    torch.testing.assert_close(drawn[-1], drawn[69])
    with pytest.raises(IndexError):
        drawn[70]
    assert zoo.SampledImages(gan, 2, transform=lambda image: image.shape)[0] == (1, 8, 8)


def test_a_data_set_works_in_the_workers_of_a_loader(gan: GAN) -> None:
    drawn = zoo.SampledImages(gan, 24, seed=1)

    def as_array(items: list[Tensor]) -> Any:
        return torch.stack(items).numpy()  # tensors would come over a socket, which tests forbid

    loader = torch.utils.data.DataLoader(drawn, batch_size=8, num_workers=2, collate_fn=as_array)
    torch.testing.assert_close(torch.from_numpy(np.concatenate(list(loader))), gan.sample(24, 1))
    again = pickle.loads(pickle.dumps(drawn))
    torch.testing.assert_close(again[5], drawn[5])


def test_classes_are_the_labels_and_all_takes_each_in_turn(by_class: GAN) -> None:
    drawn = zoo.SampledImages(by_class, 6, classes="all")
    assert drawn.class_names == ("up", "../x", "Up")
    assert [label for _, label in drawn.__getitems__(range(6))] == [0, 1, 2, 0, 1, 2]
    assert {label for _, label in zoo.SampledImages(by_class, 6, classes="Up").__getitems__(range(6))} == {2}
    with pytest.raises(ConfigError, match="no class"):
        zoo.SampledImages(by_class, 6, classes="down")


def test_what_gives_no_images_is_refused(gan: GAN) -> None:
    with pytest.raises(ConfigError, match="no GAN"):
        zoo.SampledImages(autoencoder(), 3)
    with pytest.raises(ConfigError, match="not trained with classes"):
        SampleSeries(gan, classes="all")
    with pytest.raises(ConfigError, match="no data set"):
        zoo.SampledImages(gan, 0)


def test_a_folder_has_the_images_of_the_seed_and_a_row_of_each(gan: GAN, tmp_path: Path) -> None:
    done = write_samples(gan, tmp_path / "a", 70, seed=5)
    assert (done.kept, done.drawn) == (70, 70)
    rows = rows_of(tmp_path / "a")
    assert [int(row["index"]) for row in rows] == list(range(70))
    wanted = gan.sample(128, 5)
    logits = gan.score(wanted)
    for number, row in enumerate(rows):
        pixels = np.asarray(Image.open(tmp_path / "a" / row["file_name"]))
        expected = zoo.plugin.to_uint8(wanted[number : number + 1], gan.output)[0, 0].numpy()
        assert np.array_equal(pixels, expected)
        assert float(row["score"]) == pytest.approx(float(logits[number]), rel=1e-4, abs=1e-6)
    assert len(zoo.open_images(tmp_path / "a")) == 70, "zoo opens it as images without classes"
    assert zoo.open_images(tmp_path / "a").labels is None


def test_images_of_classes_lie_in_folders_that_no_name_can_leave(by_class: GAN, tmp_path: Path) -> None:
    write_samples(by_class, tmp_path / "a", 9, classes="all")
    rows = rows_of(tmp_path / "a")
    assert [row["class"] for row in rows] == ["up", "../x", "Up"] * 3
    assert sorted({row["file_name"].split("/")[0] for row in rows}) == ["class-0", "class-1", "class-2"]
    assert not (tmp_path / "x").exists()


def test_shards_hold_the_same_images(by_class: GAN, tmp_path: Path) -> None:
    write_samples(by_class, tmp_path / "a", 40)
    write_samples(by_class, tmp_path / "b", 40, files="npz")
    shard = np.load(tmp_path / "b" / "000000000.npz")
    assert shard["images"].shape == (40, 8, 8)
    for png, npz in zip(rows_of(tmp_path / "a"), rows_of(tmp_path / "b"), strict=True):
        pixels = np.asarray(Image.open(tmp_path / "a" / png["file_name"]))
        assert np.array_equal(pixels, shard["images"][int(npz["row"])])
        assert shard["classes"][shard["labels"][int(npz["row"])]] == npz["class"] == png["class"]


def test_a_folder_that_grows_is_the_one_that_was_written_at_once(gan: GAN, images: ImageSet, tmp_path: Path) -> None:
    for name, counts in {"grown": (5, 70, 130), "whole": (130,)}.items():
        for n in counts:
            write_samples(gan, tmp_path / name, n, seed=2, reject="score", images=images)
    assert files_of(tmp_path / "grown") == files_of(tmp_path / "whole")
    with pytest.raises(ConfigError, match="130 images already"):
        write_samples(gan, tmp_path / "whole", 100, seed=2, reject="score", images=images)


def die_at(call: str, number: int) -> None:
    """SIGKILL in place of that file operation of this process."""
    owner: Any = Image.Image if call == "save" else os
    count, before = 0, getattr(owner, call)

    def counted(*arguments: Any, **others: Any) -> Any:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*arguments, **others)

    setattr(owner, call, counted)


KILLS = {
    "png": (("fsync", 1), ("fsync", 3), ("fsync", 5), ("fsync", 6), ("fsync", 8), ("save", 1), ("save", 100)),
    "npz": (("replace", 3), ("replace", 4), ("fsync", 8), ("fsync", 9), ("unlink", 4)),
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forks")
@pytest.mark.parametrize("files", ["png", "npz"])
def test_a_kill_at_any_file_operation_changes_no_byte(
    gan: GAN, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: str
) -> None:
    """Also between the rows of the table and the record of them (fsync 5 is that of the table, 6 that of the record)."""
    monkeypatch.setattr(folders, "_PART", 64)
    torch.set_num_threads(1)

    def write(name: str) -> None:
        write_samples(gan, tmp_path / name, 150, seed=4, files=files)

    def write_until(name: str, kill: tuple[str, int]) -> None:
        die_at(*kill)
        write(name)

    write("whole")
    for kill in KILLS[files]:
        name = f"{kill[0]}-{kill[1]}"
        process = multiprocessing.get_context("fork").Process(target=write_until, args=(name, kill))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL, name
        write(name)
        assert files_of(tmp_path / name) == files_of(tmp_path / "whole"), name


def test_a_folder_of_other_samples_is_not_touched(gan: GAN, images: ImageSet, tmp_path: Path) -> None:
    write_samples(gan, tmp_path / "a", 5, seed=1)
    before = files_of(tmp_path / "a")
    other = zoo.gan(like=autoencoder(), seed=7)
    for model, how, key in (
        (gan, {"seed": 2}, "seed"),
        (gan, {"files": "npz"}, "files"),
        (other, {"seed": 1}, "manifest"),
    ):
        with pytest.raises(ConfigError, match=f"their {key} is"):
            write_samples(model, tmp_path / "a", 5, **({"seed": 1} | how))  # type: ignore[arg-type]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("kept")
    with pytest.raises(ConfigError, match="something else"):
        write_samples(gan, tmp_path / "b", 5)
    assert files_of(tmp_path / "a") == before
    (tmp_path / "a" / "samples.json").write_text('{"settings": {"seed": "x"}}')
    with pytest.raises(DataError):
        write_samples(gan, tmp_path / "a", 5, seed=1)
    for how, match in (
        ({"reject": "score"}, "needs the images"),
        ({"reject": "luck"}, "unknown"),
        ({"files": "gif"}, "unknown"),
    ):
        with pytest.raises(ConfigError, match=match):
            write_samples(gan, tmp_path / "c", 5, **how)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="feature space"):
        write_samples(gan, tmp_path / "c", 5, reject="distance", images=images)


def test_two_processes_do_not_write_one_folder(gan: GAN, tmp_path: Path) -> None:
    from zoo._utils.files import locked

    with locked(tmp_path / "a" / ".lock", None, ""), pytest.raises(StorageError, match="another process"):
        write_samples(gan, tmp_path / "a", 5)


def test_distances_are_those_to_the_nearest_training_image_and_the_middle_ones_are_kept(
    gan: GAN, images: ImageSet, tmp_path: Path
) -> None:
    space = Brightness()
    done = write_samples(gan, tmp_path / "a", 64, images=images, space=space)  # type: ignore[arg-type]
    assert done.by_distance is None
    train = space.features(images.batch(images.train)).double()
    for row, image in zip(rows_of(tmp_path / "a"), gan.sample(64).clamp(-1, 1), strict=True):
        distances = (space.features(image[None]).double() - train).norm(dim=1)
        assert float(row["distance"]) == pytest.approx(float(distances.min()), rel=1e-3)
        assert row["nearest"] == str(int(images.train[distances.argmin()]))
    kept = write_samples(gan, tmp_path / "b", 30, images=images, space=space, reject="distance")  # type: ignore[arg-type]
    limits = kept.by_distance
    assert limits is not None
    assert all(limits.nearest <= float(row["distance"]) <= limits.farthest for row in rows_of(tmp_path / "b"))


def test_the_score_is_the_log_of_the_ratio_of_densities() -> None:
    """Two Gaussians at -1 and 1: the ratio is 2 x, and more columns of noise change little."""
    rng = torch.Generator().manual_seed(0)
    real, fake = torch.randn(3000, 3, generator=rng), torch.randn(2000, 3, generator=rng)
    real[:, 0] += 1
    fake[:, 0] -= 1
    fitted = fit_logistic(real, fake)
    torch.testing.assert_close(fitted.weights, torch.tensor([2.0, 0, 0], dtype=torch.float64), atol=0.2, rtol=0)
    assert abs(fitted.bias) < 0.2
    assert fitted.right == pytest.approx(0.921, abs=0.02)
    assert fit_logistic(real, real.flip(0)).right == pytest.approx(0.5, abs=0.03)
    with pytest.raises(DataError, match="too few"):
        fit_logistic(real[:9], fake)


def test_rejection_by_score_brings_samples_to_the_density_of_real_ones() -> None:
    """Real ones N(0, 1), samples N(-1, 1): kept ones are far nearer to N(0, 1)."""
    rng = torch.Generator().manual_seed(0)
    fake = torch.randn(60_000, 1, generator=rng) - 1
    ratios = fake[:, 0].double() + 0.5  # log N(x; 0, 1) - log N(x; -1, 1)
    rule = ByScore((1.0,), 0.5, float(ratios.max()), 0.0, 0.76, 0.5)
    torch.testing.assert_close(rule.probabilities(fake), (ratios - ratios.max()).exp(), atol=1e-4, rtol=1e-4)
    kept = fake[torch.rand(60_000, generator=rng) < rule.probabilities(fake)]
    assert float(kept.mean()) == pytest.approx(0.0, abs=0.12)
    assert float(kept.std()) == pytest.approx(1.0, abs=0.12)


def test_the_first_feature_of_the_score_is_the_logit(gan: GAN) -> None:
    x = gan.sample(5)
    torch.testing.assert_close(scores(gan, x, None)[:, 0], gan.score(x), atol=1e-6, rtol=1e-5)


def test_the_command_writes_a_folder(tmp_path: Path) -> None:
    release = released(tmp_path / "release")
    run = CliRunner().invoke
    words = ["sample", str(release), "--folder", str(tmp_path / "a"), "-n", "12", "--seed", "3"]
    done = run(command, [*words, "--json"])
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout) == {"folder": str(tmp_path / "a"), "count": 12, "drawn": 12}
    assert len(list((tmp_path / "a" / "images").glob("*.png"))) == 12
    assert (
        json.loads((tmp_path / "a" / "samples.json").read_text("utf-8"))["settings"]["release"] == "dcgan.blobs 1.0.0"
    )
    for wrong in (["--out", "a.png"], ["--seeds", "3"], ["--reject", "score"]):
        assert run(command, [*words, *wrong]).exit_code == 2
    assert run(command, ["sample", str(release), "--shards"]).exit_code == 2
