"""Labels from what people have: folders, tables, shards and columns; and what is said where they are missing."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import autoencoder
from PIL import Image

import zoo
from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_data
from zoo.errors import ConfigError, DataError


def picture(path: Path, grey: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), grey).save(path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """12 dresses, 18 hats, named alike in both folders."""
    for name, count in (("hat", 18), ("dress", 12)):
        for i in range(count):
            picture(tmp_path / "photos" / name / f"{i:02d}.png", grey=7 * i + count)
    return tmp_path / "photos"


def opened(folder: Path | str, labels: str = "auto", *, stream: bool = False) -> ImageSet:
    config = DataConfig(str(folder), shape=(1, 8, 8), labels=labels, stream=stream or None)
    return open_data(config)


def classes(images: ImageSet) -> list[str]:
    """The class of each image, in order."""
    labels = images.conditions(torch.arange(len(images)))
    assert labels is not None
    assert images.spec.condition is not None
    return [images.spec.condition.classes[number] for number in labels.tolist()]


@pytest.mark.parametrize("stream", [False, True], ids=["in memory", "streamed"])
def test_folders_are_classes(photos: Path, stream: bool) -> None:
    images = opened(photos, stream=stream)
    assert classes(images) == ["dress"] * 12 + ["hat"] * 18
    assert images.spec.condition is not None
    labels = images.conditions(images.train)
    assert labels is not None
    assert images.spec.condition.shares[0] == float((labels == 0).double().mean())
    assert opened(photos, "off", stream=stream).spec.condition is None


@pytest.mark.parametrize("stream", [False, True], ids=["in memory", "streamed"])
def test_folders_called_train_and_test_are_the_split(photos: Path, tmp_path: Path, stream: bool) -> None:
    for side in ("train", "test"):
        for path in photos.glob("*/*.png"):
            picture(tmp_path / "split" / side / path.parent.name / path.name, grey=int(path.stem))
    images = opened(tmp_path / "split", stream=stream)
    assert classes(images) == (["dress"] * 12 + ["hat"] * 18) * 2
    assert images.held_out.tolist() == list(range(30))  # test comes before train
    assert images.train.tolist() == list(range(30, 60))


def test_an_image_outside_the_folders_leaves_no_classes_and_is_told(photos: Path) -> None:
    picture(photos / "loose.png")
    images = opened(photos)
    assert images.labels is None
    assert images.notes == ("labels: 1 of 31 images are in no class, so there are no classes",)
    with pytest.raises(DataError, match="has no classes: 1 of 31 images are in none"):
        opened(photos, "folders")


def test_one_class_is_refused_if_it_was_asked_for(tmp_path: Path) -> None:
    for i in range(4):
        picture(tmp_path / "photos" / "dress" / f"{i}.png")
    assert opened(tmp_path / "photos").labels is None
    with pytest.raises(DataError, match="has one class alone"):
        opened(tmp_path / "photos", "folders")


def test_a_class_of_three_images_is_told(photos: Path) -> None:
    for i in range(3):
        picture(photos / "shoe" / f"{i}.png")
    (note,) = opened(photos).notes
    assert note == "labels: 2 of 3 classes have fewer than 10 images to learn from: dress (9), shoe (3)"


def table(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_gives_classes(photos: Path, tmp_path: Path, separator: str) -> None:
    rows = [
        f"{path.relative_to(photos)}{separator}{'new' if int(path.stem) % 2 else 'old'}" for path in photos.glob("*/*")
    ]
    text = "\n".join([f"file{separator}age", *rows, f"gone.png{separator}old"])
    images = opened(photos, table(tmp_path / "labels.csv", text))
    assert classes(images)[:4] == ["old", "new", "old", "new"]
    assert images.notes == ("labels: 1 rows of labels.csv are of no image here",)


def test_a_table_gives_attributes(photos: Path, tmp_path: Path) -> None:
    rows = [f"{path.relative_to(photos)},{path.stem},{path.parent.name == 'hat'}" for path in photos.glob("*/*")]
    images = opened(photos, table(tmp_path / "labels.csv", "\n".join(["file,size,worn on the head", *rows])))
    assert images.spec.condition is not None
    assert images.spec.condition.attributes == ("size", "worn on the head")
    values = images.conditions(torch.tensor([3, 13]))
    assert values is not None
    assert values.tolist() == [[3.0, 0.0], [1.0, 1.0]]


def test_a_table_may_have_the_files_own_names_if_they_differ(tmp_path: Path) -> None:
    for i in range(12):
        picture(tmp_path / "photos" / f"part{i % 2}" / f"{i}.png")
    text = "\n".join(["image_class,filename", *(f"{'a' if i < 6 else 'b'},{i}.png" for i in range(12))])
    images = opened(tmp_path / "photos", table(tmp_path / "labels.csv", text))
    assert sorted(classes(images)) == ["a"] * 6 + ["b"] * 6


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("file\n1.png", "has one column alone"),
        ("file,class\nhat/00.png,a", "has no row for 29 of 30 images"),
        ("file,class\nhat/00.png,a\nhat/00.png,b", "line 3: hat/00.png has a row already"),
        ("file,class\nhat/00.png,a,b", "line 2: 3 values, and the header has 2 columns"),
        ('file,class\n"hat/00.png,a', "cannot be read"),
    ],
)
def test_a_table_that_is_none_is_refused(photos: Path, tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        opened(photos, table(tmp_path / "labels.csv", text))


def test_a_class_or_a_number_that_is_missing_is_refused(photos: Path, tmp_path: Path) -> None:
    names = [str(path.relative_to(photos)) for path in photos.glob("*/*")]
    rows = [f"{name},{'' if name == 'hat/03.png' else 'a'}" for name in names]
    with pytest.raises(DataError, match=r"gives no class to 1 images: hat/03.png"):
        opened(photos, table(tmp_path / "a.csv", "\n".join(["file,class", *rows])))
    rows = [f"{name},1,{'x' if name == 'hat/03.png' else 0.5}" for name in names]
    with pytest.raises(DataError, match=r"the second of hat/03\.png is 'x', not a number"):
        opened(photos, table(tmp_path / "b.csv", "\n".join(["file,first,second", *rows])))
    (tmp_path / "c.csv").write_bytes(b"file,class\n\xff\xfe,a")
    with pytest.raises(DataError, match="no text in UTF-8"):
        opened(photos, str(tmp_path / "c.csv"))
    with pytest.raises(DataError, match="cannot be read"):
        opened(photos, str(tmp_path / "gone.csv"))


def test_members_cls_of_shards_are_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for i in range(24):
            buffer = io.BytesIO()
            Image.new("L", (8, 8), 10 * i).save(buffer, "PNG")
            for name, data in ((f"{i:03d}.png", buffer.getvalue()), (f"{i:03d}.cls", b"1\n" if i % 3 else b"0\n")):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    for _ in range(2):  # then from the cached list
        images = opened(f"shards:{tmp_path}/a.tar")
        assert classes(images) == ["1" if i % 3 else "0" for i in range(24)]


def test_columns_of_a_data_set_are_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for i in range(24):
        picture(tmp_path / f"{i}.png", 10 * i)
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "kind": datasets.ClassLabel(names=["hat", "dress"]),
            "style": datasets.Value("string"),
        }
    )
    rows = {
        "image": [str(tmp_path / f"{i}.png") for i in range(24)],
        "kind": [i % 2 for i in range(24)],
        "style": [("plain", "striped", "dotted")[i % 3] for i in range(24)],
    }
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "saved")
    source = f"hf:{tmp_path / 'saved'}"
    assert classes(opened(source)) == ["hat", "dress"] * 12
    assert classes(opened(source, "column:style")) == ["plain", "striped", "dotted"] * 8
    with pytest.raises(DataError, match="has no column 'styl'"):
        opened(source, "column:styl")
    assert opened(source, "off").labels is None


def test_labels_that_do_not_belong_are_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'somehow' are no labels"):
        DataConfig("photos", labels="somehow")
    np.savez(tmp_path / "images.npz", images=np.zeros((20, 8, 8), np.uint8))
    with pytest.raises(ConfigError, match=r"images\.npz has its own"):
        opened(tmp_path / "images.npz", "folders")


def test_a_model_without_classes_publishes_no_folders_names(photos: Path, tmp_path: Path) -> None:
    """A class's name may be private, and a network that takes none has no use for it."""
    source = autoencoder("mlp")
    images = open_data(DataConfig(str(photos), shape=source.data.shape), like=source.data)
    assert images.spec.condition is not None
    run = zoo.train(source, images, out=tmp_path / "run", images=16, training={"batch": 8})
    run.release(tmp_path / "release", license="CC0-1.0")
    for path in [*(tmp_path / "run").rglob("*"), *(tmp_path / "release").rglob("*")]:
        assert not path.is_file() or b"dress" not in path.read_bytes(), path
    assert json.loads((tmp_path / "release" / "zoo.json").read_text())["data"].get("condition") is None
    again = zoo.resume(tmp_path / "run", override={"images": 32}, out=tmp_path / "longer")
    assert again.shown == 32
