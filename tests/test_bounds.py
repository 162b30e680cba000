"""What a stranger's file may cost: bounded before it is decoded, parsed or built, and the rest is told."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import released
from hypothesis import given, settings, strategies as st
from PIL import Image

from zoo._utils import strict_toml
from zoo._utils.strict_toml import parse_toml
from zoo._utils.tensors import unpack
from zoo.cli import main
from zoo.data import decoding
from zoo.data.open import open_images
from zoo.errors import ConfigError, DataError, IntegrityError, ReleaseError
from zoo.registry.load import load
from zoo.release.folder import read_manifest
from zoo.release.manifest import manifest_bytes
from zoo.training.recipe import read_recipe

MIB = 2**20


def grown(script: str, *arguments: object) -> tuple[int, str]:
    """By how many MiB the largest memory of a process grew in `work(arguments)` of the script, and what it returned."""
    code = f"""
import os, resource, sys
os.cpu_count = lambda: 4
from zoo.data.open import open_images
{script}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
said = work(*sys.argv[1:])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, said)
"""
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    size, _, said = done.stdout.strip().partition(" ")
    return int(size), said


# Images


def test_large_pictures_take_the_memory_of_one_however_many_are_read_at_once(tmp_path: Path) -> None:
    """A few kilobytes of 16-bit PNG: four readers used to take 29 bytes a pixel each."""
    side = 3_500
    data = io.BytesIO()
    Image.fromarray(np.zeros((side, side), np.uint16)).save(data, "PNG")
    (tmp_path / "photos").mkdir()
    for i in range(4):
        (tmp_path / "photos" / f"{i}.png").write_bytes(data.getvalue())
    script = """
import torch
def work(folder):
    images = open_images(folder, shape=(1, 8, 8), stream=True)
    images.batch(torch.arange(4))
    return len(images.skipped)
"""
    size, skipped = grown(script, tmp_path / "photos")
    assert skipped == "0"
    assert size < 20 * side**2 / MIB


def test_only_one_large_picture_is_decoded_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of small ones as many as there are readers."""
    from PIL import ImageOps

    inside, most = [0], [0]
    real = ImageOps.exif_transpose

    def transpose(picture: Image.Image, **options: Any) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        real(picture, **options)
        inside[0] -= 1

    monkeypatch.setattr("zoo.data.streamed.os.cpu_count", lambda: 4)
    monkeypatch.setattr(ImageOps, "exif_transpose", transpose)
    for i in range(6):
        Image.fromarray(noise((300, 300, 3))).save(tmp_path / f"{i}.png")
    for large, readers in ((2**25, 4), (2**10, 1)):
        monkeypatch.setattr(decoding, "_LARGE", large)
        images = open_images(tmp_path, shape=(3, 8, 8), stream=True)
        most[0] = 0
        images.batch(torch.arange(6))
        assert most[0] == readers


def noise(shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_that_would_take_too_much_memory_is_counted_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """The bound is on the bytes of the decoded picture: of equal sides, the one with alpha is refused."""
    monkeypatch.setattr(decoding, "_MOST_DECODED", 2 * MIB)
    Image.fromarray(noise((300, 400, 3))).save(tmp_path / "0.jpg")
    Image.fromarray(noise((300, 400, 3))).save(tmp_path / "1.png")
    Image.fromarray(noise((300, 400))).save(tmp_path / "2.webp", lossless=True)
    Image.fromarray(noise((300, 400))).save(tmp_path / "3.jpg", progressive=True)
    images = open_images(tmp_path, shape=(3, 8, 8), stream=stream, held_out=0.0)
    images.batch(torch.arange(len(images)))
    told = {one.path: one.reason for one in images.skipped}
    assert told == {"2.webp": "decoding it takes 3 MiB of memory; at most 2 are used"}
    assert any("1 file could not be read" in note for note in images.notes)


def test_a_large_jpeg_is_decoded_small_before_its_memory_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_MOST_DECODED", MIB)
    for i, options in enumerate(({}, {"progressive": True})):
        Image.fromarray(noise((900, 900, 3))).save(tmp_path / f"{i}.jpg", **options)
    images = open_images(tmp_path, shape=(3, 16, 16))
    assert {one.path: one.reason for one in images.skipped} == {
        "1.jpg": "decoding it takes 6 MiB of memory; at most 1 are used"
    }
    assert len(images) == 1


def test_a_header_alone_decodes_no_large_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow reads all pixels of a PNG to find its orientation: that is bounded too."""
    monkeypatch.setattr(decoding, "_MOST_DECODED", MIB)
    for i in range(2):
        Image.fromarray(noise((600, 600, 3))).save(tmp_path / f"{i}.png")
    monkeypatch.setattr(Image.Image, "convert", None)
    with pytest.raises(DataError, match=r"no file of .* is an image that can be read"):
        open_images(tmp_path)


def test_a_file_of_too_many_bytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(noise((64, 64, 3))).save(tmp_path / "0.png")
    Image.fromarray(noise((8, 8, 3))).save(tmp_path / "1.png")
    monkeypatch.setattr("zoo.data.folder.MOST_FILE_BYTES", 1_000)
    (skipped,) = open_images(tmp_path, shape=(3, 8, 8)).skipped
    assert (skipped.path, skipped.reason.endswith("bytes are too many")) == ("0.png", True)


# Arrays


def npz(path: Path, header: dict[str, Any], *, more: dict[str, Any] | None = None, **options: Any) -> Path:
    """An archive whose `images` say that of themselves, with no values behind it."""
    text = (repr(header) + "\n").encode()
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("images.npy", member)
        for name, values in (more or {}).items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, values)
    return path


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"descr": "|u1", "fortran_order": False, "shape": (300_000, 64, 64)}, "takes 3.4 GiB of memory"),
        ({"descr": "<f8", "fortran_order": False, "shape": (90_000, 64, 64)}, "takes 3.4 GiB of memory"),
        ({"descr": "<f4", "fortran_order": False, "shape": (1_000_000, 100)}, "takes 1.9 GiB of memory"),
        ({"descr": "|u1", "fortran_order": True, "shape": (150_000, 64, 64)}, "takes 2.3 GiB of memory"),
        ({"descr": "|u1", "fortran_order": False, "shape": (3_000_000, 1)}, "3,000,000 rows"),
        ({"descr": "|u1", "fortran_order": False, "shape": (1, 20_000, 20_000)}, "over 67,108,864 values"),
        ({"descr": "|u1", "fortran_order": False, "shape": (2**62, 2**62, 1)}, "over 67,108,864 values"),
        ({"descr": "|O", "fortran_order": False, "shape": (4, 4, 4)}, "cannot be read"),
    ],
)
def test_arrays_are_refused_by_their_header_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: dict[str, Any], says: str
) -> None:
    unpacked: list[object] = []
    real = np.lib.format.read_array
    monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: (unpacked.append(a), real(*a, **k))[1])
    with pytest.raises(DataError, match=says):
        open_images(npz(tmp_path / "x.npz", header))
    assert header["descr"] == "|O" or not unpacked


def test_an_archive_of_too_many_names_or_another_compression_is_refused(tmp_path: Path) -> None:
    small = {"descr": "|u1", "fortran_order": False, "shape": (4, 4, 4)}
    many = {"classes": np.array([str(i) for i in range(10_001)])}
    with pytest.raises(DataError, match="more than 10,000 names"):
        open_images(npz(tmp_path / "x.npz", small, more=many))
    with pytest.raises(DataError, match="another way than deflate"):
        open_images(npz(tmp_path / "x.npz", small, compression=zipfile.ZIP_LZMA))


@pytest.mark.parametrize(("dtype", "channels", "times"), [("u1", 4, 3.0), ("u1", 3, 2.5), ("f8", 1, 1.35)])
def test_arrays_are_prepared_in_parts(tmp_path: Path, dtype: str, channels: int, times: float) -> None:
    """Grey of colours used to take eight times their memory, bytes of floats three times."""
    shape = (1_500, 128, 128, channels) if dtype == "u1" else (800, 128, 128, channels)
    array = np.zeros(shape, np.dtype(dtype))
    np.savez(tmp_path / "x.npz", images=array)
    script = """
def work(path, channels):
    return tuple(open_images(path, shape=(int(channels), 128, 128)).pixels.shape)
"""
    size, said = grown(script, tmp_path / "x.npz", {4: 3, 3: 1, 1: 1}[channels])
    assert said.startswith(f"({shape[0]},")
    assert size < times * array.nbytes / MIB + 60


def test_floats_too_large_for_single_precision_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=np.full((6, 3), 1e300))
    with pytest.raises(DataError, match="values from 1e"):
        open_images(tmp_path / "x.npz")


# Text

TOKENS = st.sampled_from(
    ["a", "b", ".", "=", "1", '"', "'", '"""', "'''", "\n", "[", "]", "{", "}", ",", "#", "\\", " ", "\r\n", "1.5", "é"]
)


@given(st.lists(TOKENS, max_size=60).map("".join))
@settings(max_examples=600, deadline=None)
def test_toml_within_the_bounds_is_read_as_the_standard_library_reads_it(text: str) -> None:
    try:
        wanted = tomllib.loads(text)
    except (ValueError, RecursionError):
        wanted = None
    deepest = max(text.count("["), text.count("{")) <= 16 and text.count(".") < 16
    try:
        read = parse_toml(text.encode(), largest=10_000)
    except ValueError:
        assert wanted is None or not deepest
    else:
        assert read == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (".".join("a" * 16_000) + " = 1", "more than 16 parts"),
        ("[" + ".".join(['"a"'] * 20) + "]", "more than 16 parts"),
        ("x = {" + " . ".join("a" * 20) + " = 1}", "more than 16 parts"),
        ('"""' + '"' + "\n" + ".".join("a" * 20) + " = 1", "more than 16 parts"),
        ("x = " + "[" * 5_000, "deeper than 32"),
        ("x = " + "{a = " * 5_000, "deeper than 32"),
        (f"x = 0x{'f' * 5_000}", "64 bits"),
        (f"x = [[{2**63}]]", "64 bits"),
        ("x = '" + "y" * 1_000_000 + "'", "1,000,006 bytes"),
    ],
)
def test_toml_that_takes_the_parser_long_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    parsed: list[str] = []
    real = tomllib.loads
    monkeypatch.setattr(strict_toml.tomllib, "loads", lambda text: (parsed.append(text), real(text))[1])
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(ConfigError, match=says if '"""' not in text else "cannot be read as TOML"):
        read_recipe(tmp_path / "x.toml")
    assert says == "64 bits" or '"""' in text or not parsed


def test_strings_and_comments_may_have_any_number_of_dots_and_brackets() -> None:
    for text in (
        'x = "' + ".[" * 99 + '"',
        "x = '" + ".{" * 99 + "'",
        f'x = """{".[" * 99}"""',
        f"x = 1 # {'.[' * 99}",
    ):
        assert parse_toml(text.encode(), largest=10_000) == tomllib.loads(text)


def safetensors(entries: dict[str, Any], body: bytes = b"") -> bytes:
    header = json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + body


def tensor(begin: int, end: int) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [end - begin], "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("entries", "body", "says"),
    [
        ({f"t{i}": tensor(0, 0) for i in range(80_000)}, b"", "80,000 tensors; at most 32,768"),
        ({"a": tensor(0, 4), "b": tensor(2, 6)}, b"abcdef", "starts at 2, not at 4"),
        ({"a": tensor(0, 4), "b": tensor(0, 4)}, b"abcd", "starts at 0, not at 4"),
        ({"a": tensor(0, 2), "b": tensor(3, 5)}, b"abcde", "starts at 3, not at 2"),
    ],
)
def test_headers_that_overlap_or_never_end_are_refused_before_the_native_parser(
    monkeypatch: pytest.MonkeyPatch, entries: dict[str, Any], body: bytes, says: str
) -> None:
    import safetensors.torch

    monkeypatch.setattr(safetensors.torch, "load", None)
    with pytest.raises(IntegrityError, match=says):
        unpack(globals()["safetensors"](entries, body), "x")


def test_tensors_in_another_order_than_their_bytes_are_the_same_tensors() -> None:
    ordered = unpack(safetensors({"a": tensor(0, 2), "b": tensor(2, 4)}, b"abcd"), "x")
    other = unpack(safetensors({"b": tensor(2, 4), "a": tensor(0, 2)}, b"abcd"), "x")
    assert all(torch.equal(ordered[name], other[name]) for name in ("a", "b"))


# Values and networks


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--batch", 2**31), ("--batch", 10**19), ("--images", 10**19), ("--images", 2**63), ("--set", f"batch={2**40}")],
)
def test_a_number_that_no_training_has_is_refused(
    flag: str, value: object, images_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "gan", "--data", str(images_file), "--generator", "dcgan", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as done:
        main([*words, flag, str(value)])
    said = capsys.readouterr().err
    assert done.value.code == 2, said
    assert "too large" in said
    assert "At most" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("component", "config", "says"),
    [
        ("mlp/mlp", {"widths": [65_536] * 64}, "larger networks than its files hold: over 67,"),
        ("dcgan/dcgan", {"width": 512}, "is torch.float32"),
    ],
)
def test_a_manifest_that_asks_for_huge_networks_is_refused_before_they_are_built(
    tmp_path: Path, component: str, config: dict[str, Any], says: str
) -> None:
    """Their parameters are counted without memory, and compared with the files."""
    folder = released(tmp_path / "release")
    manifest = read_manifest(folder)
    part = replace(manifest.parts["decoder"], component=component, config=config)
    wrong = replace(manifest, parts={**manifest.parts, "decoder": part})
    (folder / "zoo.json").write_bytes(manifest_bytes(wrong))
    devices: list[str] = []
    real = torch.nn.Linear.__init__

    def record(self: torch.nn.Linear, *sizes: Any, **options: Any) -> None:
        real(self, *sizes, **options)
        devices.append(self.weight.device.type)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.Linear, "__init__", record)
        with pytest.raises(ReleaseError, match=says):
            load(folder)
    assert set(devices) == {"meta"}
    assert len(devices) < 20


def test_an_index_of_a_registry_is_parsed_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10,000 entries take a second to parse. What is kept is used only if it is whole."""
    from registries import table, write

    from zoo._utils.hash_cache import cache_folder
    from zoo.registry import file
    from zoo.registry.index import read_registry

    parsed: list[int] = []
    real = file.parse_toml
    monkeypatch.setattr(file, "parse_toml", lambda data, **k: (parsed.append(len(data)), real(data, **k))[1])
    tables = [table(f"dcgan.m{n}@1.0.0", version="", aliases=f'["other{n}.x"]') for n in range(300)]
    path = write(tmp_path / "registry.toml", *tables)
    first = read_registry(path)
    assert read_registry(path) == first
    assert len(parsed) == 1
    assert {entry.origin for entry in read_registry(path)} == {path}
    write(path, *tables[:-1])
    assert read_registry(path) == first[:-1]
    assert read_registry(path) == first[:-1]
    assert len(parsed) == 2
    (kept,) = (cache_folder() / "parsed").iterdir()
    for damaged in (kept.read_bytes().replace(b"dcgan.m7", b"dcgan.q7"), b"", b"x\ny\n[]", b"\xff" * 99):
        kept.write_bytes(damaged)
        assert read_registry(path) == first[:-1]
    assert len(parsed) == 6
