"""Opening images from components, folders and files, the hostile ones included."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from zoo import plugins
from zoo.data.config import DataConfig
from zoo.data.images import ImageSet
from zoo.data.open import open_data, open_images
from zoo.data.pixels import to_uint8
from zoo.errors import ConfigError, DataError, PluginError, UnknownName
from zoo.types import Condition, DataSpec

GREY = DataSpec((1, 8, 8))
RGB = DataSpec((3, 8, 8))


def gradient(width: int, height: int, channels: int = 3) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    planes = [columns * 255 // max(width - 1, 1), rows * 255 // max(height - 1, 1), (rows + columns) % 256]
    return np.stack(planes[:channels], -1).astype(np.uint8)


def save(folder: Path, name: str, picture: Image.Image | np.ndarray, **options: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(path, **options)
    return path


def only(folder: Path, spec: DataSpec) -> np.ndarray:
    """The one image of a folder, (H, W, C)."""
    (image,) = open_images(folder, spec, strict=True).pixels
    return image.permute(1, 2, 0).numpy()


def reasons(found: ImageSet) -> dict[str, str]:
    return {item.path: item.reason for item in found.skipped}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten RGB images of different sizes in nested folders."""
    root = tmp_path / "pictures"
    for i in range(10):
        save(root / f"class{i % 3}", f"{i}.png", gradient(9 + i, 30 - 2 * i))
    return root


# ---------------------------------------------------------------- values


@given(
    low=st.floats(-5, 5),
    width=st.floats(0.1, 9),
    pixels=st.lists(st.integers(0, 255), min_size=1, max_size=20),
)
@settings(max_examples=80, deadline=None)
def test_bytes_survive_the_way_to_floats_and_back(low: float, width: float, pixels: list[int]) -> None:
    spec = DataSpec((1,), low, low + width)
    rows = torch.tensor(pixels, dtype=torch.uint8)[:, None]
    held = ImageSet("x", spec, rows, None, torch.arange(len(rows)), torch.empty(0).long(), "", "")
    values = held.batch(torch.arange(len(rows)))
    assert values.dtype == torch.float32
    assert np.float32(spec.low) <= values.min()
    assert values.max() <= np.float32(spec.high)
    assert torch.equal(to_uint8(values, spec), rows)


def test_bytes_are_clamped_and_never_undefined() -> None:
    x = torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0, float("nan"), float("inf"), -float("inf")])
    assert to_uint8(x, DataSpec((1,))).tolist() == [0, 0, 128, 255, 255, 0, 255, 0]


def test_a_subset_keeps_rows_on_their_side_of_the_split() -> None:
    pixels = torch.arange(10, dtype=torch.uint8)[:, None]
    labels = torch.arange(10) * 10
    whole = ImageSet("x", DataSpec((1,)), pixels, labels, torch.arange(6), torch.arange(6, 10), "MIT", "me")
    part = whole.subset(torch.tensor([9, 2, 7, 0]), "part")
    assert part.name == "part"
    assert part.pixels.flatten().tolist() == [9, 2, 7, 0]
    assert part.labels is not None
    assert part.labels.tolist() == [90, 20, 70, 0]
    assert part.train.tolist() == [1, 3]
    assert part.held_out.tolist() == [0, 2]
    assert part.license == "MIT"


def test_digest_depends_on_pixels_and_shape() -> None:
    def digest(pixels: torch.Tensor) -> str:
        none = torch.empty(0, dtype=torch.int64)
        return ImageSet("x", DataSpec(tuple(pixels.shape[1:])), pixels, None, none, none, "", "").sha256

    base = torch.zeros(2, 6, dtype=torch.uint8)
    changed = base.clone()
    changed[1, 5] = 1
    assert digest(base) == digest(base.clone())
    assert len({digest(base), digest(changed), digest(base.reshape(3, 4))}) == 3


# ---------------------------------------------------------------- folders


def test_a_folder_is_read_in_one_order_and_split_the_same_way_each_time(folder: Path) -> None:
    first, again = open_images(folder, RGB), open_images(str(folder), RGB)
    assert len(first) == 10
    assert (len(first.train), len(first.held_out)) == (8, 2)
    assert sorted([*first.train.tolist(), *first.held_out.tolist()]) == list(range(10))
    assert first.sha256 == again.sha256
    assert torch.equal(first.held_out, again.held_out)
    assert first.batch(first.train).shape == (8, 3, 8, 8)
    assert first.license == ""


def test_the_split_follows_the_path_and_not_the_place_on_the_disk(folder: Path, tmp_path: Path) -> None:
    transferred = tmp_path / "elsewhere" / "copy"
    transferred.parent.mkdir()
    before = open_images(folder, RGB)
    folder.rename(transferred)
    after = open_images(transferred, RGB)
    assert before.sha256 == after.sha256
    assert torch.equal(before.held_out, after.held_out)


def test_what_was_opened_can_be_opened_again_from_its_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe keeps `source`, `limit` and the preparation; they hold in another working directory."""
    monkeypatch.chdir(folder.parent)
    first = open_images("pictures", RGB, limit=6)
    monkeypatch.chdir("/")
    again = open_images(first.config.source, first.spec, prepare=first.spec.prepare, limit=first.config.limit)
    assert (again.sha256, len(again)) == (first.sha256, 6)


@pytest.mark.parametrize(("count", "train", "held"), [(1, 1, 0), (2, 1, 1), (3, 2, 1), (10, 8, 2)])
def test_both_sides_of_a_split_have_an_image(tmp_path: Path, count: int, train: int, held: int) -> None:
    for i in range(count):
        save(tmp_path / "few", f"{i}.png", gradient(8, 8))
    found = open_images(tmp_path / "few", RGB)
    assert (len(found.train), len(found.held_out)) == (train, held)


def test_share_held_out_can_be_chosen(folder: Path) -> None:
    assert len(open_images(folder, RGB, held_out=0.5).held_out) == 5
    assert len(open_images(folder, RGB, held_out=0).held_out) == 0
    for wrong in (1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match="held_out"):
            open_images(folder, RGB, held_out=wrong)


def test_broken_files_are_counted_and_named(folder: Path) -> None:
    """Ten good images are read whatever lies beside them."""
    good = (folder / "class0" / "0.png").read_bytes()
    big = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(big, "PNG")
    (folder / "truncated.png").write_bytes(big.getvalue()[:3000])
    (folder / "text.png").write_text("this is no image")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "program.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    (folder / "bomb.png").write_bytes(png_header(60_000, 60_000))
    (folder / "large.png").write_bytes(png_header(12_000, 9_000))
    (folder / ".hidden.png").write_bytes(good)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "inside.png").write_bytes(good)
    os.mkfifo(folder / "pipe.png")

    found = open_images(folder, RGB)
    assert len(found) == 10
    told = reasons(found)
    assert set(told) == {"truncated.png", "text.png", "empty.jpg", "program.eps", "bomb.png", "large.png", "pipe.png"}
    assert told["text.png"] == told["empty.jpg"] == told["program.eps"] == "not an image"
    assert told["bomb.png"] == told["large.png"] == "too many pixels"
    assert told["pipe.png"] == "not a plain file"
    assert "truncated" in told["truncated.png"]
    with pytest.raises(DataError, match="7 of 17 files"):
        open_images(folder, RGB, strict=True)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    )


def test_links_are_listed_and_not_followed(folder: Path, tmp_path: Path) -> None:
    outside = save(tmp_path / "private", "secret.png", gradient(8, 8))
    (folder / "away").symlink_to(outside.parent, target_is_directory=True)
    (folder / "secret.png").symlink_to(outside)
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "twice.png").symlink_to(folder / "class0" / "0.png")
    (folder / "nowhere.png").symlink_to(folder / "missing.png")
    found = open_images(folder, RGB)
    assert len(found) == 10
    told = reasons(found)
    assert told["away"] == told["secret.png"] == "a link that leaves the folder"
    assert set(told) == {"away", "secret.png", "loop", "twice.png", "nowhere.png"}


def test_a_folder_may_be_reached_by_a_link(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    assert open_images(link, RGB).sha256 == open_images(folder, RGB).sha256


def test_a_file_without_permission_is_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening is made to fail, since a superuser may read anything."""
    really = os.open

    def refusing(path: object, *arguments: int) -> int:
        if Path(str(path)).name == "0.png":
            raise PermissionError(13, "Permission denied", str(path))
        return really(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    found = open_images(folder, RGB)
    assert len(found) == 9
    assert reasons(found) == {"class0/0.png": "no permission to read it"}


def test_strange_names_are_shown_safely(folder: Path) -> None:
    os.makedirs(os.fsencode(folder) + b"/odd")
    with open(os.fsencode(folder) + b"/odd/\xff\x1b[31m.png", "wb") as file:
        file.write(b"nothing")
    ((path, _),) = reasons(open_images(folder, RGB)).items()
    assert path == "odd/\\xff\\x1b[31m.png"


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no files"):
        open_images(empty, RGB)
    (empty / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"no image that can be read \(notes.txt: not an image\)"):
        open_images(empty, RGB)
    with pytest.raises(DataError, match="can be read"):
        open_images(empty)


def test_a_folder_of_one_size_needs_no_shape(tmp_path: Path) -> None:
    for i in range(3):
        save(tmp_path / "grey", f"{i}.png", gradient(6, 4, 1)[..., 0])
        save(tmp_path / "colour", f"{i}.png", gradient(6, 4))
    assert open_images(tmp_path / "grey").spec == DataSpec((1, 4, 6))
    assert open_images(tmp_path / "colour").spec == DataSpec((3, 4, 6))
    save(tmp_path / "colour", "9.png", gradient(7, 4))
    with pytest.raises(ConfigError, match="different sizes") as caught:
        open_images(tmp_path / "colour")
    assert "shape" in caught.value.hint
    assert open_images(tmp_path / "colour", shape=(3, 4, 4)).pixels.shape == (4, 3, 4, 4)


# ---------------------------------------------------------------- one picture


def test_resizing_crops_the_centre_and_antialiases(tmp_path: Path) -> None:
    """A wide picture: black left, a fine black and white pattern in the middle, white right."""
    picture = np.zeros((40, 120), dtype=np.uint8)
    picture[:, 80:] = 255
    picture[::2, 40:80] = 255
    save(tmp_path / "one", "x.png", picture)
    seen = only(tmp_path / "one", GREY)
    assert seen.min() > 110
    assert seen.max() < 145


def test_padding_centres_on_the_background(tmp_path: Path) -> None:
    save(tmp_path / "one", "x.png", np.full((2, 4), 10, dtype=np.uint8))
    seen = only(tmp_path / "one", DataSpec((1, 8, 8), prepare="pad", background=200))[..., 0]
    assert (seen[3:5, 2:6] == 10).all()
    assert (seen == 200).sum() == 64 - 8


def test_padding_shrinks_what_is_larger_and_keeps_its_sides(tmp_path: Path) -> None:
    save(tmp_path / "one", "x.png", np.full((20, 40, 3), 10, dtype=np.uint8))
    seen = only(tmp_path / "one", DataSpec((3, 8, 8), prepare="pad", background=255))
    assert (seen[2:6] == 10).all()
    assert (seen[:2] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 700)])
@pytest.mark.parametrize("prepare", ["resize", "pad"])
def test_extreme_sizes_give_the_wanted_shape(tmp_path: Path, size: tuple[int, int], prepare: str) -> None:
    save(tmp_path / "one", "x.png", Image.new("RGB", size, (7, 7, 7)))
    seen = only(tmp_path / "one", DataSpec((3, 8, 8), prepare=prepare))  # type: ignore[arg-type]
    assert seen.shape == (8, 8, 3)
    assert seen.max() == 7


def test_every_mode_becomes_what_it_shows(tmp_path: Path) -> None:
    """Half red or half bright, stored in all the ways that image files know."""
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    half = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    clear = Image.new("P", (8, 8), 0)
    clear.putpalette([0, 255, 0, 255, 0, 0])
    wide = np.full((8, 8), 257 * 100, dtype=np.uint16)
    cases: dict[str, tuple[Image.Image, dict[str, object], tuple[int, int, int]]] = {
        "palette.png": (red.convert("P"), {}, (255, 0, 0)),
        "alpha.png": (half, {}, (255, 127, 127)),
        "greyalpha.png": (Image.new("LA", (8, 8), (0, 128)), {}, (127, 127, 127)),
        "clear.png": (clear, {"transparency": 0}, (255, 255, 255)),
        "clear.gif": (clear, {"transparency": 0}, (255, 255, 255)),
        "key.png": (red, {"transparency": (255, 0, 0)}, (255, 255, 255)),
        "bit.png": (Image.new("1", (8, 8), 1), {}, (255, 255, 255)),
        "wide.png": (Image.fromarray(wide), {}, (100, 100, 100)),
        "wide.tif": (Image.fromarray(wide), {}, (100, 100, 100)),
        "float.tif": (Image.fromarray(np.full((8, 8), 0.5, np.float32)), {}, (128, 128, 128)),
        "cmyk.jpg": (red.convert("CMYK"), {"quality": 95}, (255, 0, 0)),
        "photo.jpg": (red, {"quality": 95}, (255, 0, 0)),
        "photo.webp": (red, {"lossless": True}, (255, 0, 0)),
    }
    for name, (picture, options, shown) in cases.items():
        save(tmp_path / name, name, picture, **options)
        seen = only(tmp_path / name, DataSpec((3, 8, 8), background=255))
        assert np.abs(seen.astype(int) - shown).max() <= 3, name


def test_orientation_of_a_photograph_is_applied(tmp_path: Path) -> None:
    """All eight orientations of EXIF show the same picture."""
    upright = Image.fromarray(gradient(16, 16))
    stored = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    expected = only(save(tmp_path / "plain", "x.png", upright).parent, RGB)
    for orientation, back in stored.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        turned = upright if back is None else upright.transpose(Image.Transpose(back))
        path = save(tmp_path / str(orientation), "x.png", turned, exif=exif)
        with Image.open(path) as again:
            assert np.array_equal(np.asarray(ImageOps.exif_transpose(again)), np.asarray(upright)), "test's own table"
        assert np.array_equal(only(path.parent, RGB), expected), orientation


def test_size_of_a_turned_photograph_is_the_shown_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "one", "x.jpg", gradient(20, 10), exif=exif)
    assert open_images(tmp_path / "one").spec.shape == (3, 20, 10)


def test_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    save(tmp_path / "one", "x.gif", frames[0], save_all=True, append_images=frames[1:])
    assert only(tmp_path / "one", RGB)[0, 0].tolist() == [200, 0, 0]


def test_large_jpeg_looks_as_its_reduced_decoding(tmp_path: Path) -> None:
    """Decoding at a fraction of the size is quicker and must not be seen."""
    picture = gradient(640, 480) // 2 + (np.indices((480, 640)).sum(0) // 8 % 2 * 80)[..., None].astype(np.uint8)
    save(tmp_path / "jpeg", "x.jpg", picture, quality=98)
    save(tmp_path / "png", "x.png", picture)
    spec = DataSpec((3, 64, 64))
    difference = only(tmp_path / "jpeg", spec).astype(int) - only(tmp_path / "png", spec)
    assert np.abs(difference).max() <= 8


def test_grey_is_luma_and_colour_of_grey_is_repeated(tmp_path: Path) -> None:
    """A folder and an array of the same images agree to the bit."""
    picture = gradient(8, 8)
    save(tmp_path / "one", "x.png", picture)
    np.savez(tmp_path / "one.npz", images=picture[None])
    grey = only(tmp_path / "one", GREY)
    assert np.array_equal(grey, only_row(open_images(tmp_path / "one.npz", GREY)))
    assert np.abs(grey[..., 0] - picture @ np.array([0.299, 0.587, 0.114])).max() <= 1
    np.savez(tmp_path / "grey.npz", images=grey[None, ..., 0])
    assert np.array_equal(only_row(open_images(tmp_path / "grey.npz", RGB)), grey.repeat(3, 2))


def only_row(found: ImageSet) -> np.ndarray:
    (image,) = found.pixels
    return image.permute(1, 2, 0).numpy()


# ---------------------------------------------------------------- .npz


def test_npz_layouts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (10, 6, 5), dtype=np.uint8)
    path = tmp_path / "x.npz"
    for arrays, shape in (
        ({"images": grey}, (1, 6, 5)),
        ({"anything": grey[..., None]}, (1, 6, 5)),
        ({"images": np.stack([grey] * 3, -1), "other": grey}, (3, 6, 5)),
        ({"images": grey.reshape(10, 30)}, (30,)),
        ({"images": grey / 255}, (1, 6, 5)),
        ({"images": (grey / 255).astype(np.float16)}, (1, 6, 5)),
    ):
        np.savez(path, **arrays)
        found = open_images(path)
        assert found.spec == DataSpec(shape)
        assert found.pixels.reshape(10, -1)[:, :30].shape == (10, 30)
        if shape == (1, 6, 5) and arrays.get("images", grey).dtype != np.float16:
            assert np.array_equal(found.pixels[:, 0].numpy(), grey)
        assert (len(found.train), len(found.held_out)) == (8, 2)


def test_npz_labels_and_split_are_kept(tmp_path: Path) -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    train = np.array([True, False, True, True, False, True])
    np.savez(tmp_path / "x.npz", images=images, labels=np.arange(6) * 2, train=train)
    found = open_images(str(tmp_path / "x.npz"))
    assert found.held_out.tolist() == [1, 4]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.spec.condition == Condition(("0", "2", "4", "6", "8", "10"), shares=(0.25, 0, 0.25, 0.25, 0, 0.25))
    part = open_images(tmp_path / "x.npz", limit=3)
    assert (len(part.train), len(part.held_out)) == (2, 1)
    assert part.labels is not None
    assert part.labels.tolist() == [int(image[0, 0, 0]) for image in part.pixels]
    assert part.spec.condition is not None
    assert part.spec.condition.classes == ("0", "2", "4", "6", "8", "10")
    assert open_data(DataConfig(str(tmp_path / "x.npz"), labels="off")).spec == DataSpec((1, 4, 4))


def test_alpha_of_arrays_is_laid_on_the_background(tmp_path: Path) -> None:
    clear = np.zeros((2, 8, 8, 4), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=clear)
    assert (open_images(tmp_path / "x.npz", DataSpec((3, 8, 8), background=200)).pixels == 200).all()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.array([{"a": 1}] * 4, dtype=object)}, "cannot be read"),
        ({"labels": np.arange(3)}, "no array `images`"),
        ({"a": np.zeros((3, 4, 4)), "b": np.zeros((3, 4, 4))}, "but a, b"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "shape"),
        ({"images": np.zeros(4, np.uint8)}, "shape"),
        ({"images": np.zeros((4, 3, 8, 8), np.uint8)}, "8 channels"),
        ({"images": np.full((4, 4, 4), 1.5)}, "from 1.5 to 1.5"),
        ({"images": np.full((4, 4, 4), -1.0)}, "from -1"),
        ({"images": np.full((4, 4, 4), np.nan)}, "nan"),
        ({"images": np.zeros((4, 4, 4), np.int64)}, "int64"),
        ({"images": np.zeros((4, 4, 4), np.uint8), "labels": np.arange(3)}, "labels"),
        ({"images": np.zeros((4, 4, 4), np.uint8), "labels": np.zeros(4)}, "labels"),
        ({"images": np.zeros((4, 4, 4), np.uint8), "train": np.arange(4)}, "train"),
    ],
)
def test_npz_that_cannot_be_used_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_images(tmp_path / "x.npz")


def test_npz_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for content in (b"", b"hello", b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(40)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot be read as \.npz"):
            open_images(path)


def test_npz_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    """The archive's directory promises 8 GiB; nothing is unpacked to see whether that is true."""
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"x")
        archive.writestr("labels.npy", b"x")
    content = path.read_bytes()
    for entry in content.split(b"PK\x01\x02")[1:]:
        content = content.replace(entry, entry[:20] + struct.pack("<I", 2**32 - 2) + entry[24:])
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"unpacks to 8.0 GiB"):
        open_images(path)


def test_npz_members_that_are_no_arrays_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", b"no array")
    with pytest.raises(DataError, match="is no array"):
        open_images(tmp_path / "x.npz")


def test_shapes_that_would_fill_the_memory_are_refused(folder: Path) -> None:
    for i in range(7):
        save(folder, f"more{i}.png", gradient(4, 4))
    with pytest.raises(DataError, match="GiB"):
        open_images(folder, shape=(3, 9400, 9400), stream=False)


def test_vectors_are_neither_cut_nor_made_into_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.zeros((4, 30), np.uint8))
    np.savez(tmp_path / "y.npz", images=np.zeros((4, 5, 6), np.uint8))
    with pytest.raises(DataError, match=r"30 values, shape \[31\]"):
        open_images(tmp_path / "x.npz", DataSpec((31,)))
    with pytest.raises(DataError, match="vectors of 30"):
        open_images(tmp_path / "x.npz", DataSpec((1, 5, 6)))
    assert open_images(tmp_path / "y.npz", DataSpec((30,))).pixels.shape == (4, 30)


# ---------------------------------------------------------------- components and names


def test_a_component_is_opened_by_short_name_and_full_id() -> None:
    short, full = open_images("mnist5k"), open_images("starter/mnist5k")
    assert short.sha256 == full.sha256
    assert short.config.source == "starter/mnist5k"
    assert (short.name, short.spec.prepare, short.license) == ("mnist5k", "pad", "CC-BY-SA-3.0")


def test_a_component_fits_a_pair_and_keeps_its_own_preparation() -> None:
    """Shape and range are the pair's; a digit keeps its share of a larger canvas, emoji stay on white."""
    like = DataSpec((3, 64, 64), 0.0, 1.0, background=99)
    digits = open_images("mnist5k", like, limit=20)
    assert replace(digits.spec, condition=None) == DataSpec((3, 64, 64), 0.0, 1.0, prepare="pad", background=0)
    own = open_images("mnist5k", limit=20)
    ink = [(images.pixels[:, :1] > 64).float().mean().item() for images in (digits, own)]
    assert ink[0] == pytest.approx(ink[1], rel=0.1)
    emoji = open_images("emoji-noto64", GREY, limit=20)
    assert emoji.pixels.shape == (20, 1, 8, 8)
    assert emoji.spec.background == 255
    assert digits.batch(torch.arange(20)).min() >= 0
    again = open_images(digits.config.source, DataSpec((3, 64, 64), 0.0, 1.0), prepare="pad", limit=20)
    assert again.sha256 == digits.sha256


def test_a_component_may_be_prepared_otherwise() -> None:
    stretched = open_images("mnist5k", prepare="resize", limit=5)
    assert stretched.spec.prepare == "resize"
    assert stretched.pixels.shape == (5, 1, 32, 32)
    assert stretched.sha256 != open_images("mnist5k", limit=5).sha256


def test_a_component_as_vectors_has_its_own_length_or_its_prepared_one() -> None:
    assert open_images("mnist5k", DataSpec((784,)), limit=4).pixels.shape == (4, 784)
    assert open_images("mnist5k", DataSpec((1024,)), limit=4).pixels.shape == (4, 1024)


def test_a_limit_takes_the_same_images_of_both_sides_each_time() -> None:
    first, again = open_images("mnist5k", limit=50), open_images("mnist5k", limit=50)
    assert (len(first.train), len(first.held_out)) == (40, 10)
    assert first.sha256 == again.sha256
    whole = open_images("mnist5k")
    known = {hashlib.sha256(image.numpy()).digest() for image in whole.pixels[whole.held_out]}
    assert all(hashlib.sha256(image.numpy()).digest() in known for image in first.pixels[first.held_out])
    two = open_images("mnist5k", limit=2)
    assert (len(two.train), len(two.held_out)) == (1, 1)
    assert len(open_images("mnist5k", limit=1)) == 1
    with pytest.raises(ConfigError, match="limit 0"):
        open_images("mnist5k", limit=0)


def test_a_limit_does_not_prefer_what_the_whole_set_holds_out(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.arange(100, dtype=np.uint8)[:, None])
    whole, part = open_images(tmp_path / "x.npz"), open_images(tmp_path / "x.npz", limit=20)
    learnt = set(whole.pixels[whole.train].flatten().tolist())
    assert len(learnt & set(part.pixels.flatten().tolist())) >= 10


def test_a_component_that_is_no_data_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "build", lambda kind, name: object())
    with pytest.raises(PluginError, match="starter/mnist5k built a object"):
        open_images("mnist5k")


def test_unknown_name_shows_near_ones_and_says_that_no_folder_is_called_so() -> None:
    with pytest.raises(UnknownName, match="no folder minst5k exists") as caught:
        open_images("minst5k")
    assert "mnist5k" in caught.value.hint


@pytest.mark.parametrize("source", ["./missing", "missing.npz", "/missing/folder", "~/missing", Path("missing")])
def test_paths_that_do_not_exist_are_no_names(source: str | Path) -> None:
    with pytest.raises(DataError, match="there is no folder or file"):
        open_images(source)


def test_an_existing_folder_wins_over_a_component_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "mnist5k", "x.png", gradient(4, 4))
    monkeypatch.chdir(tmp_path)
    assert len(open_images("mnist5k")) == 1
    assert len(open_images("starter/mnist5k", limit=9)) == 9


def test_sources_that_are_nothing_are_refused(tmp_path: Path) -> None:
    for source in ("", "a\0b"):
        with pytest.raises(ConfigError):
            open_images(source)
    (tmp_path / "x.tar").write_bytes(b"x")
    with pytest.raises(DataError, match="neither a folder nor an "):
        open_images(tmp_path / "x.tar")


def test_shapes_that_contradict_or_cannot_be_drawn_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="differ"):
        open_images(folder, RGB, shape=(1, 8, 8))
    with pytest.raises(ConfigError, match="cannot be brought"):
        open_images(folder, shape=(2, 8, 8))
    with pytest.raises(ConfigError, match="neither"):
        open_images(folder, shape=(8, 8))


@pytest.mark.parametrize(
    ("mode", "fill", "spec", "greyed"),
    [
        ("RGB", (200, 20, 20), GREY, True),
        ("RGB", (90, 90, 90), GREY, False),
        ("L", 90, GREY, False),
        ("RGB", (200, 20, 20), RGB, False),
    ],
)
def test_a_set_says_whether_its_colour_was_dropped(
    tmp_path: Path, mode: str, fill: int | tuple[int, ...], spec: DataSpec, greyed: bool
) -> None:
    for i in range(3):
        save(tmp_path / "in", f"{i}.png", Image.new(mode, (9, 7), fill))
    assert open_images(tmp_path / "in", like=spec).greyed == greyed
