"""Streamed images: the same samples, the same order and the same split as in memory, resumed exactly."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import autoencoder, states_equal
from PIL import Image

import zoo
from zoo.data.batches import Batches, PrefetchedBatches
from zoo.data.open import open_images
from zoo.data.streamed import batches_of
from zoo.errors import ConfigError, DataError
from zoo.training import checkpoint
from zoo.types import Event

SMALL = {"batch": 16, "checkpoint_every": 32, "sample_every": 64}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """40 colour images of 8 px in two folders."""
    rng = np.random.default_rng(0)
    for i in range(40):
        path = tmp_path / "photos" / "ab"[i % 2] / f"{i:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype="uint8")).save(path)
    return tmp_path / "photos"


def shards(photos: Path, folder: Path) -> str:
    """The images in two tar files, a label file beside each image, as webdataset writes them."""
    folder.mkdir(exist_ok=True)
    files = sorted(photos.rglob("*.png"))
    for n, part in enumerate((files[:25], files[25:])):
        with tarfile.open(folder / f"train-{n:03d}.tar", "w") as tar:
            for path in part:
                tar.add(path, f"{path.stem}.png")
                tar.add(__file__, f"{path.stem}.cls")
    return f"shards:{folder}/train-{{000..001}}.tar"


def test_a_streamed_folder_is_the_same_set_as_one_in_memory(photos: Path) -> None:
    held, streamed = open_images(photos), open_images(photos, stream=True)
    assert (held.streamed, streamed.streamed) == (False, True)
    assert streamed.spec == held.spec
    assert torch.equal(streamed.train, held.train)
    assert torch.equal(streamed.held_out, held.held_out)
    rows = torch.tensor([3, 39, 3, 0])
    assert torch.equal(streamed.batch(rows), held.batch(rows))
    assert torch.equal(streamed.subset(rows, "part").batch(torch.tensor([1, 3])), held.batch(torch.tensor([39, 0])))


def test_batches_read_ahead_are_the_same_batches(photos: Path) -> None:
    """Also across epochs, and from any state on."""
    images = open_images(photos, stream=True)
    plain = Batches(images.train, 5, torch.Generator().manual_seed(1))
    ahead = batches_of(images, images.train, 5, torch.Generator().manual_seed(1))
    assert isinstance(ahead, PrefetchedBatches)
    for step in range(20):
        assert torch.equal(plain.next(), rows := ahead.next())
        assert torch.equal(images.batch(rows), images.batch(rows))
        if step == 7:
            again = batches_of(images, images.train, 5, torch.Generator().manual_seed(9))
            again.load_state(ahead.state())
            ahead = again
    left, right = plain.state(), ahead.state()
    assert torch.equal(left.pop("order"), right.pop("order"))  # type: ignore[arg-type]
    assert torch.equal(left.pop("rng"), right.pop("rng"))  # type: ignore[arg-type]
    assert left == right


def test_training_on_a_stream_equals_training_in_memory_and_resumes_in_the_middle_of_an_epoch(
    photos: Path, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if event.kind == "checkpoint" and event.shown >= 48:
            raise RuntimeError("stopped by the test")

    def train(name: str, stream: bool, **others: Any) -> zoo.Run:
        model = autoencoder("mlp", seed=3)
        model = zoo.autoencoder("mlp", "mlp", shape=(3, 8, 8), code_shape=6, seed=0)
        images = open_images(photos, like=model.data, stream=stream)
        return zoo.train(model, images, out=tmp_path / name, images=80, training=SMALL, **others)

    held, whole = train("held", False), train("whole", True)
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train("cut", True, watch=[stop])
    resumed = zoo.resume(tmp_path / "cut")
    assert resumed.recipe.data.stream is True
    assert states_equal(held.autoencoder, whole.autoencoder)
    last = [
        checkpoint.load(checkpoint.latest_checkpoint(tmp_path / run / "checkpoints"))[1] for run in ("whole", "cut")
    ]
    assert all(torch.equal(last[0][key], last[1][key]) for key in last[0])


def test_shards_and_addresses_hold_the_same_samples(photos: Path, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in photos.rglob("*.png"):
        memory.pipe_file(f"/photos/{path.relative_to(photos).as_posix()}", path.read_bytes())
    memory.pipe_file("/photos/readme.txt", b"no image")
    held = open_images(photos)
    packed, far = open_images(shards(photos, tmp_path / "packed")), open_images("memory://photos")
    rows = torch.arange(40)
    assert torch.equal(packed.batch(rows), held.batch(rows))
    assert torch.equal(far.batch(rows), held.batch(rows))
    assert torch.equal(far.train, held.train)


def test_a_shard_that_changed_is_listed_again(photos: Path, tmp_path: Path) -> None:
    pattern = shards(photos, tmp_path / "packed")
    before = open_images(pattern)
    (photos / "a" / "00.png").unlink()
    shards(photos, tmp_path / "packed")
    after = open_images(pattern)
    assert (len(before), len(after)) == (40, 39)
    assert before.sha256 != after.sha256


def test_a_data_set_of_the_hugging_face_library_is_read(photos: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = sorted(str(path) for path in photos.rglob("*.png"))
    parts = {"train": files[:30], "test": files[30:]}
    made = {
        split: datasets.Dataset.from_dict({"picture": part, "label": [0] * len(part)}).cast_column(
            "picture", datasets.Image()
        )
        for split, part in parts.items()
    }
    datasets.DatasetDict(made).save_to_disk(tmp_path / "saved")
    images = open_images(f"hf:{tmp_path / 'saved'}")
    assert torch.equal(images.batch(torch.arange(40)), open_images(photos).batch(torch.arange(40)))
    assert images.held_out.tolist() == list(range(30, 40))


def test_a_broken_file_is_told_and_its_neighbour_takes_its_place(photos: Path) -> None:
    (photos / "a" / "04.png").write_bytes(b"broken")
    images = open_images(photos, stream=True)
    names = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    row = names.index("a/04.png")
    on_train = row in images.train
    side = images.train if on_train else images.held_out
    following = int(side[(side > row).nonzero()[0]])
    assert torch.equal(images.batch(torch.tensor([row])), images.batch(torch.tensor([following])))
    assert [(item.path, item.reason) for item in images.skipped] == [("a/04.png", "not an image")]
    with pytest.raises(DataError, match=r"a/04\.png cannot be used"):
        open_images(photos, stream=True, strict=True).batch(torch.tensor([row]))


def test_images_that_are_other_ones_are_refused_when_a_run_goes_on(photos: Path, tmp_path: Path) -> None:
    model = zoo.autoencoder("mlp", "mlp", shape=(3, 8, 8), code_shape=6)
    images = open_images(photos, like=model.data, stream=True)
    zoo.train(model, images, out=tmp_path / "run", images=16, training=SMALL)
    assert zoo.open_run(tmp_path / "run").shown == 16
    Image.fromarray(np.zeros((8, 8, 3), "uint8")).save(photos / "a" / "00.png")
    with pytest.raises(ConfigError, match=r"data\.sha256"):
        zoo.resume(tmp_path / "run")


def test_large_sets_stream_by_themselves_and_fits_read_a_bounded_sample(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zoo.data import images as sets, open as opening

    monkeypatch.setattr(opening, "_LARGE_COUNT", 30)
    monkeypatch.setattr(opening, "_MOST_HELD_OUT", 4)
    monkeypatch.setattr(sets, "_MOST_FITTED", 10)
    images = open_images(photos)
    assert images.streamed
    assert (len(images.train), len(images.held_out), len(images.to_fit())) == (36, 4, 10)
    source = zoo.autoencoder("mlp", "mlp", shape=(3, 8, 8), code_shape=6)
    transferred = zoo.transfer(source, strategy="decoder-init+gaussian-prior", data=images)
    assert "fitted to 10 of 36 images, evenly spread" in transferred.report.notes
    assert not open_images(photos, limit=20).streamed
    assert not open_images(photos, stream=False).streamed


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("shards:nowhere/*.tar", "no shard matches"),
        ("nosuch://bucket/photos", "cannot be reached"),
        ("memory://empty", "holds no image file"),
    ],
)
def test_what_cannot_be_streamed_says_why(source: str, text: str) -> None:
    with pytest.raises(zoo.ZooError, match=text):
        open_images(source)


def test_a_shard_that_is_no_tar_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(os.urandom(2048))
    with pytest.raises(DataError, match="cannot be read"):
        open_images(f"shards:{tmp_path}/*.tar")


@pytest.fixture
def listed(photos: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders of `photos` that are listed from here on; a list of so few files is kept too."""
    seen: list[str] = []

    def scandir(path: Path) -> Any:
        seen.append(str(Path(path).relative_to(photos)))
        return real(path)

    real = os.scandir
    monkeypatch.setattr("zoo.data.index.os.scandir", scandir)
    monkeypatch.setattr("zoo.data.index._WORTH", 0)
    for folder in (photos, photos / "a", photos / "b"):
        os.utime(folder, (1, 1))
    return seen


def test_only_folders_that_changed_are_listed_again(photos: Path, listed: list[str]) -> None:
    first = open_images(photos, stream=True)
    assert sorted(listed) == [".", ".", "a", "b"]  # the first is the question whether it can be listed
    del listed[:]
    assert open_images(photos, stream=True).sha256 == first.sha256
    assert listed == ["."]
    (photos / "b" / "01.png").rename(photos / "b" / "99.png")
    del listed[:]
    changed = open_images(photos, stream=True)
    assert sorted(listed) == [".", "b"]
    assert changed.sha256 != first.sha256
    next((Path(os.environ["ZOO_CACHE"]) / "folders").iterdir()).write_bytes(b"[" * 100_000)
    assert open_images(photos, stream=True).sha256 == changed.sha256


def test_an_image_that_is_written_over_in_place_is_noticed(
    photos: Path, listed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_over(name: str) -> None:
        with (photos / "a" / name).open("ab") as file:
            file.write(b"more")
        assert (photos / "a").stat().st_mtime == 1

    before = open_images(photos, stream=True)
    digest = before.sha256
    write_over("20.png")
    assert open_images(photos, stream=True).sha256 != digest
    before.batch(torch.arange(len(before)))
    (told,) = before.skipped
    assert (told.path, told.reason) == ("a/20.png", "it was written over since the folder was listed")
    monkeypatch.setattr("zoo.data.folder._COMPARED", 2)
    open_images(photos, stream=True)
    write_over("22.png")
    stale = open_images(photos, stream=True)
    stale.batch(torch.arange(len(stale)))
    assert [told.path for told in stale.skipped] == ["a/22.png"]
    again = open_images(photos, stream=True)
    again.batch(torch.arange(len(again)))
    assert not again.skipped
