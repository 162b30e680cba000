"""Images without labels get classes: clusters of codes or features, and a table that the other commands read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import zoo
from zoo.cli import zoo as command
from zoo.data.config import DataConfig
from zoo.data.open import open_data, open_images
from zoo.errors import ConfigError, DataError, TransferError
from zoo.transfers.clusters import cluster

CENTRES = torch.tensor([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 6.0, 0.0], [0.0, 0.0, 9.0]])


def clouds() -> tuple[torch.Tensor, torch.Tensor]:
    """200 codes around four centres, and which."""
    which = torch.tensor([0] * 80 + [1] * 60 + [2] * 40 + [3] * 20)[torch.randperm(200, generator=seeded())]
    return CENTRES[which] + 0.3 * torch.randn(200, 3, generator=seeded()), which


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_clouds_become_clusters_the_largest_first() -> None:
    codes, which = clouds()
    clusters = cluster(codes, torch.arange(200), 4)
    assert torch.equal(clusters.labels, which)
    torch.testing.assert_close(clusters.centres.float(), CENTRES, atol=0.15, rtol=0)
    inside = sum((codes[which == n] - codes[which == n].mean(0)).square().sum() for n in range(4))
    assert clusters.left == pytest.approx(float(inside / (codes - codes.mean(0)).square().sum()), rel=1e-5)


@pytest.mark.parametrize("labels", ["auto:", "auto:0", "auto:x", "auto:-3", "auto:1234567"])
def test_a_wrong_number_of_clusters_is_refused(labels: str) -> None:
    with pytest.raises(ConfigError, match="are no labels"):
        DataConfig("mnist5k", labels=labels)


def test_a_transfer_makes_clusters_of_its_sources_codes_and_takes_them_as_classes(tmp_path: Path) -> None:
    some = open_images("mnist5k", limit=200)
    np.savez(tmp_path / "x.npz", images=(127.5 * (some.batch(torch.arange(200)) + 1)).byte().numpy()[:, 0])
    words = ["transfer", "mlp.mnist5k", "--data", str(tmp_path / "x.npz"), "--labels", "auto:3"]
    words += ["--images", "64", "--batch", "32", "--json", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    classes = tmp_path / "run-classes"
    assert {path.name for path in classes.iterdir()} == {"labels.csv", "clusters.png", "1.png", "2.png", "3.png"}
    run = zoo.open_run(tmp_path / "run")
    assert run.gan is not None
    assert run.gan.condition is not None
    assert run.gan.condition.classes == ("1", "2", "3")
    run.release(tmp_path / "release", license="CC-BY-SA-3.0")
    assert zoo.load(tmp_path / "release").gan.sample(2, classes="3").shape == (2, 1, 32, 32)
    renamed = (classes / "labels.csv").read_text().replace(",3\n", ",2\n")
    (classes / "labels.csv").write_text(renamed)  # two classes in one
    words[-1] = str(tmp_path / "again")
    classes.rename(tmp_path / "again-classes")
    assert CliRunner().invoke(command, words, catch_exceptions=False).exit_code == 0
    again = zoo.open_run(tmp_path / "again").gan
    assert again is not None
    assert again.condition is not None
    assert again.condition.classes == ("1", "2")


def test_clusters_are_for_a_transfer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which a transfer makes"):
        open_data(DataConfig("mnist5k", labels="auto:5"))
    words = ["transfer", "mlp.mnist5k", "--data", "mnist5k", "--labels", "auto:5", "--explain"]
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2
    assert "--out" in done.output


def test_held_out_codes_move_no_centre_and_belong_to_the_nearest() -> None:
    codes, _ = clouds()
    fit = torch.arange(150)
    other = torch.cat([codes[:150], codes[150:] + 0.5])
    one, two = cluster(codes, fit, 4), cluster(other, fit, 4)
    assert torch.equal(one.centres, two.centres)
    assert torch.equal(two.labels[150:], torch.cdist(other[150:].double(), two.centres).argmin(1))


def test_the_same_seed_gives_the_same_clusters() -> None:
    codes = torch.randn(300, 5, generator=seeded())
    first, again, other = (cluster(codes, torch.arange(300), 7, seed).centres for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_images_of_a_cluster_come_from_its_centre_outwards() -> None:
    clusters = cluster(clouds()[0], torch.arange(200), 4)
    rows = clusters.nearest(1)
    assert set(rows.tolist()) == set((clusters.labels == 1).nonzero().squeeze(1).tolist())
    assert clusters.distances[rows].diff().min() >= 0


def test_more_clusters_than_different_codes_end() -> None:
    codes = torch.tensor([[0.0], [1.0]]).repeat(10, 1)
    clusters = cluster(codes, torch.arange(20), 5)
    assert clusters.left == pytest.approx(0)
    assert set(clusters.labels.tolist()) <= set(range(5))


def test_too_few_images_and_codes_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ConfigError, match="10 images cannot be put into 6 classes") as refused:
        cluster(torch.randn(10, 2), torch.arange(10), 6)
    assert "2 to 5" in refused.value.hint
    with pytest.raises(TransferError, match="not finite"):
        cluster(torch.full((10, 2), torch.nan), torch.arange(10), 2)


def cli(*words: object) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words])
    return done.output if done.exit_code == 0 else f"refused: {done.exception} {done.output}"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 pictures of 8 px in two folders that say nothing; every other one is bright."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(40):
        pixels = rng.integers(0, 40, (8, 8), np.uint8) + np.uint8(200 if number % 2 else 10)
        path = folder / ("a" if number < 20 else "b") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@pytest.fixture(scope="module")
def autoencoder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small autoencoder."""
    out = tmp_path_factory.mktemp("runs") / "ae"
    model = zoo.autoencoder("mlp", "mlp", shape=(1, 8, 8), code_shape=4)
    zoo.train(model, open_images(photos), images=640, out=out, training={"batch": 32})
    return out


def test_the_command_writes_a_table_that_other_commands_read(photos: Path, autoencoder: Path, tmp_path: Path) -> None:
    out = tmp_path / "clusters"
    said = cli("cluster", autoencoder, "--data", photos, "--classes", 2, "-o", out)
    assert "20" in said
    assert f"--labels {out / 'labels.csv'}" in said.replace("\n", "")
    with (out / "labels.csv").open() as file:
        rows = dict(list(csv.reader(file))[1:])
    assert {rows[f"{'a' if n < 20 else 'b'}/{n}.png"] for n in range(0, 40, 2)} == {rows["a/0.png"]}
    assert len(set(rows.values())) == 2
    images = open_data(DataConfig(str(photos), labels=str(out / "labels.csv")))
    assert images.spec.condition is not None
    assert images.spec.condition.classes == ("1", "2")
    for name in ("1.png", "2.png", "clusters.png"):
        with Image.open(out / name) as picture:
            picture.verify()
    again = tmp_path / "again"
    cli("cluster", autoencoder, "--data", photos, "--classes", 2, "-o", again)
    assert (again / "labels.csv").read_bytes() == (out / "labels.csv").read_bytes()
    assert "is there already" in cli("cluster", autoencoder, "--data", photos, "--classes", 2, "-o", out)


def test_rows_of_an_npz_get_classes_by_their_numbers(autoencoder: Path, tmp_path: Path) -> None:
    images = np.where(np.arange(30)[:, None, None] % 3 == 0, 220, 20) + np.zeros((30, 8, 8))
    np.savez(tmp_path / "set.npz", images=images.astype(np.uint8), labels=np.zeros(30, np.int64))
    out = tmp_path / "clusters"
    cli("cluster", autoencoder, "--data", tmp_path / "set.npz", "--classes", 2, "-o", out)
    labelled = open_data(DataConfig(str(tmp_path / "set.npz"), labels=str(out / "labels.csv")))
    assert labelled.labels is not None
    bright = labelled.batch(torch.arange(30)).mean((1, 2, 3)) > 0
    assert len(set(zip(labelled.labels.tolist(), bright.tolist(), strict=True))) == 2
    (out / "labels.csv").write_text("row,class\n0,a\n")
    with pytest.raises(DataError, match="has no row for 29 of 30 images: 1, 2, 3"):
        open_data(DataConfig(str(tmp_path / "set.npz"), labels=str(out / "labels.csv")))


def test_features_of_a_metric_serve_too_and_one_of_both_is_asked_for(
    photos: Path, autoencoder: Path, tmp_path: Path
) -> None:
    both = ("--data", photos, "--classes", 2)
    assert "within classes" in cli("cluster", "--metric", "judge", *both, "-o", tmp_path / "a")
    assert "one of the two" in cli("cluster", *both, "-o", tmp_path / "b")
    assert "one of the two" in cli("cluster", autoencoder, "--metric", "judge", *both, "-o", tmp_path / "b")
    assert "a size of its own" in cli("cluster", autoencoder, "--size", 16, *both, "-o", tmp_path / "b")
    assert not (tmp_path / "b").exists()
