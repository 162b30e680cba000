"""A release folder: what is pinned is what is read, and whatever is not is refused by name."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st

from zoo._utils import files as zoo_files
from zoo._utils.files import sha256_of, write_atomically, write_folder_atomically
from zoo._utils.tensors import check_header, pack, unpack
from zoo.errors import IntegrityError, ReleaseError, StorageError, ZooError
from zoo.release.folder import pin_file, read_manifest, read_part, read_pinned, verify_files, write_release
from zoo.release.manifest import (
    MANIFEST,
    FileEntry,
    Lineage,
    Manifest,
    PartEntry,
    RecipeEntry,
    Sampling,
    manifest_bytes,
    parse_manifest,
)
from zoo.release.names import check_license, check_name, check_version
from zoo.release.tags import FactTags, fact_tags, read_fact_tags
from zoo.types import DataSpec, Metric, Origin

ROLES = ("encoder", "bottleneck", "decoder", "generator", "discriminator", "prior")


def weights(role: str) -> dict[str, torch.Tensor]:
    """Small tensors of several types, another set for each role."""
    rng = torch.Generator().manual_seed(len(role))
    return {
        "net.weight": torch.randn(3, 2, generator=rng),
        "net.steps": torch.tensor(7),
        "net.mask": torch.tensor([True, False, True]),
    }


def example(**changes: object) -> tuple[Manifest, dict[str, bytes]]:
    """A manifest with everything in it, and the files that it pins."""
    files = {f"{role}.safetensors": pack(weights(role), {"role": role}) for role in ROLES}
    others = {"recipe.toml": b"format = 1\n", "README.md": b"# card\n", "samples.png": b"\x89PNG"}
    parts = {}
    for role in ROLES:
        pin = pin_file(files[f"{role}.safetensors"])
        parts[role] = PartEntry(
            role=role,
            component=f"mlp/{role}",
            plugin="zoo-mlp==0.1.0",
            config={"widths": [8, 8], "bias": True},
            file=f"{role}.safetensors",
            sha256=pin.sha256,
            size=pin.size,
            parameters=6,
        )
    facts: dict[str, object] = {
        "name": "mlp.test",
        "version": "1.0.0",
        "license": "CC-BY-SA-3.0",
        "data": DataSpec((1, 4, 4)),
        "code_shape": (2,),
        "parts": parts,
        "sampling": Sampling(),
        "lineage": Lineage(
            "decoder-init",
            5000,
            "b" * 64,
            Origin("mlp.source", "1.2.3", "sha256:" + "a" * 64),
            ({"net": "generator", "tensor": "net.weight", "origin": "copied"},),
        ),
        "recipe": RecipeEntry("recipe.toml", sha256_of(others["recipe.toml"])),
        "files": {name: pin_file(data) for name, data in others.items()},
        "metrics": (Metric("kid", 0.1, 100, 100, "mnist5k", "held out", "mlp/x@0123456789ab", 0.0, (0.05, 0.2)),),
        "credits": ("Zoo, who made them",),
    }
    return Manifest(**{**facts, **changes}), {**files, **others}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases") / "mlp.test"
    write_release(folder, *example())
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "mlp.test"))


def plain(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_bytes())


# ---------------------------------------------------------------- whole and stable


def test_a_written_release_reads_back_as_the_same_facts(original: Path) -> None:
    manifest, files = example()
    assert read_manifest(original) == manifest
    assert len(plain(original)) <= 15
    verify_files(original, manifest)
    for part in manifest.parts.values():
        assert read_part(original, part) == files[part.file]
    assert read_pinned(original, "README.md", manifest.files["README.md"]) == b"# card\n"


def test_equal_releases_are_equal_bytes(original: Path, tmp_path: Path) -> None:
    """Nothing of the time, the place or the order of a dict gets into a file."""
    manifest, files = example()
    shuffled = replace(manifest, parts=dict(reversed(manifest.parts.items())))
    write_release(tmp_path / "deep" / "other", shuffled, dict(reversed(files.items())))
    for path in original.iterdir():
        assert (tmp_path / "deep" / "other" / path.name).read_bytes() == path.read_bytes()


def test_same_weights_give_same_bytes_whatever_their_layout() -> None:
    """Order, strides, shared memory and gradients do not show in the file."""
    a, b = torch.arange(6.0).reshape(2, 3), torch.ones(4)
    turned = torch.arange(6.0).reshape(2, 3).t().contiguous().t().requires_grad_()
    first = pack({"a": a, "b": b, "c": b}, {"x": 1, "y": [2]})
    assert first == pack({"c": b.clone(), "b": b, "a": turned}, {"y": [2], "x": 1})
    assert check_header(first, "it").facts == {"x": 1, "y": [2]}
    back = unpack(first, "it")
    assert torch.equal(back["a"], a)
    assert back["b"].data_ptr() != back["c"].data_ptr()


def test_unpacked_tensors_own_their_memory() -> None:
    """A view of the file's bytes would lie anywhere, and kernels for aligned memory give other last bits."""
    back = unpack(pack(weights("x"), {}), "it")
    for name, tensor in back.items():
        assert torch.equal(tensor, weights("x")[name])
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
        assert tensor.data_ptr() % 64 == 0


def test_no_tensors_at_all_is_a_file_too() -> None:
    """A prior without anything learnt still has its file."""
    assert unpack(pack({}, {}), "it") == {}


def test_a_tensor_without_values_is_not_packed() -> None:
    with pytest.raises(ReleaseError, match="meta"):
        pack({"w": torch.empty(2, device="meta")}, {})
    with pytest.raises(ReleaseError, match="plain data"):
        pack({}, {"x": float("nan")})


def test_writing_the_same_release_again_changes_nothing_and_another_is_refused(folder: Path) -> None:
    manifest, files = example()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_release(folder, manifest, files)
    assert before == {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    with pytest.raises(ReleaseError, match="already exists") as refused:
        write_release(folder, replace(manifest, license="MIT"), files)
    assert "immutable" in refused.value.hint
    assert read_manifest(folder) == manifest


def test_files_that_are_not_what_the_manifest_pins_are_not_written(tmp_path: Path) -> None:
    manifest, files = example()
    for wrong in (
        {**files, "README.md": b"# lard\n"},
        {**files, "new.txt": b""},
        dict(list(files.items())[1:]),
    ):
        with pytest.raises(IntegrityError):
            write_release(tmp_path / "r", manifest, wrong)
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- damage


def test_a_flipped_bit_anywhere_is_refused_with_the_file_name(folder: Path) -> None:
    """Headers, first, last and some bytes between, in every pinned file."""
    manifest = read_manifest(folder)
    for name in manifest.pinned:
        path = folder / name
        data = path.read_bytes()
        for at in sorted({0, 1, 7, 8, 9, len(data) // 3, len(data) // 2, len(data) - 1}):
            if at >= len(data):
                continue
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            with pytest.raises(IntegrityError, match=name):
                verify_files(folder, manifest)
            with pytest.raises(IntegrityError, match=name):
                read_pinned(folder, name, manifest.pinned[name])
        path.write_bytes(data)
    verify_files(folder, manifest)


@pytest.mark.parametrize("damage", ["cut", "longer", "gone", "link", "folder", "pipe"])
def test_a_file_that_is_not_the_pinned_one_is_refused(folder: Path, damage: str) -> None:
    """A pipe too: it must not be waited for."""
    manifest = read_manifest(folder)
    path = folder / "decoder.safetensors"
    data = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(data[:-3])
    elif damage == "longer":
        path.write_bytes(data + b"\0")
    elif damage == "link":
        (folder.parent / "elsewhere").write_bytes(data)
        path.symlink_to(folder.parent / "elsewhere")
    elif damage == "folder":
        path.mkdir()
    elif damage == "pipe":
        os.mkfifo(path)
    with pytest.raises(IntegrityError, match=r"decoder\.safetensors"):
        verify_files(folder, manifest)
    with pytest.raises(IntegrityError, match=r"decoder\.safetensors"):
        read_part(folder, manifest.parts["decoder"])


def test_a_file_that_nobody_pinned_is_refused_unless_hidden(folder: Path) -> None:
    manifest = read_manifest(folder)
    (folder / ".gitattributes").write_text("x")
    (folder / ".cache").mkdir()
    verify_files(folder, manifest)
    (folder / "extra.safetensors").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"extra\.safetensors"):
        verify_files(folder, manifest)


def test_a_manifest_that_is_a_link_or_missing_or_huge_is_refused(folder: Path) -> None:
    path = folder / MANIFEST
    path.rename(folder.parent / "real.json")
    with pytest.raises(ReleaseError, match=r"no zoo\.json"):
        read_manifest(folder)
    path.symlink_to(folder.parent / "real.json")
    with pytest.raises(ReleaseError, match="symbolic link"):
        read_manifest(folder)
    path.unlink()
    path.write_bytes(b" " * 1_000_001)
    with pytest.raises(ReleaseError, match="1,000,001 bytes"):
        read_manifest(folder)


# ---------------------------------------------------------------- lies in the manifest


def changed(folder: Path, *keys: str, to: object) -> bytes:
    """The manifest's bytes with one value replaced; None deletes the key."""
    facts = plain(folder)
    table = facts
    for key in keys[:-1]:
        table = table[key]
    if to is None:
        del table[keys[-1]]
    else:
        table[keys[-1]] = to
    return json.dumps(facts).encode()


@pytest.mark.parametrize(
    "name",
    [
        "../x.safetensors",
        "/etc/x.safetensors",
        "a/b.safetensors",
        "a\\b.safetensors",
        "..",
        ".x.safetensors",
        "nul.safetensors",
        "x\0.safetensors",
        "x.safetensors\n",
        "C:x.safetensors",
        "weights.pt",
        "run.py",
        "zoo.json",
        "ENCODER.safetensors",
        "",
    ],
)
def test_a_name_that_leaves_the_folder_or_can_be_run_is_refused(original: Path, name: str) -> None:
    with pytest.raises(ReleaseError):
        parse_manifest(changed(original, "parts", "decoder", "file", to=name), "it")
    with pytest.raises(ReleaseError):
        parse_manifest(changed(original, "files", name, to={"sha256": "0" * 64, "size": 1}), "it")


@pytest.mark.parametrize(
    ("keys", "to", "says"),
    [
        (("extra",), 1, "unknown key 'extra'"),
        (("parts", "encoder", "code"), "x", r"unknown key 'parts\.encoder\.code'"),
        (("parts", "encoder", "role"), "encoder", "no key 'role'"),
        (("parts", "teacher"), {}, "role 'teacher'"),
        (("metrics", 0, "note"), "x", r"unknown key 'metrics\.0\.note'"),
        (("data", "unit"), "px", r"unknown key 'data\.unit'"),
        (("lineage", "source", "url"), "x", r"unknown key 'lineage\.source\.url'"),
        (("format",), 3, "format 3"),
        (("format",), True, "format True"),
        (("format",), None, "format 'none'"),
        (("name",), "../x", "name"),
        (("name",), "Mlp.Test", "name"),
        (("version",), "1.0", "version"),
        (("version",), "1.0.0\n", "version"),
        (("license",), "", "license is empty"),
        (("license",), "unknown", "grants nothing"),
        (("license",), None, "license"),
        (("code_shape",), [0], "code_shape"),
        (("code_shape",), 2, "code_shape: expected array, got int"),
        (("code_shape",), [True], r"code_shape\[0\]: expected int, got bool"),
        (("data", "shape"), [1, 0, 4], "data shape"),
        (("sampling",), None, "sampling is missing"),
        (("sampling", "chunk"), 0, r"sampling\.chunk"),
        (("parts", "prior"), None, "lacks prior"),
        (("parts", "prior", "sha256"), "A" * 64, r"parts\.prior: sha256"),
        (("parts", "prior", "size"), -1, r"parts\.prior: size"),
        (("parts", "prior", "plugin"), "zoo-mlp", r"parts\.prior: plugin"),
        (("parts", "prior", "component"), "mlp", r"parts\.prior: component"),
        (("parts",), {}, "parts is empty"),
        (("recipe", "sha256"), "0" * 64, "recipe"),
        (("metrics", 0, "n"), 0, "positive counts"),
        (("lineage", "weights"), "x", "lineage: sha256"),
        (("lineage", "source", "manifest"), "a" * 64, "lineage: manifest"),
        (("tolerances", "rtol"), -1.0, r"tolerances\.rtol"),
    ],
)
def test_a_wrong_fact_is_refused_with_file_key_and_reason(
    original: Path, keys: tuple[str, ...], to: object, says: str
) -> None:
    with pytest.raises(ReleaseError, match=says) as refused:
        parse_manifest(changed(original, *keys, to=to), "x/zoo.json")
    assert refused.value.message.startswith("x/zoo.json: ")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"format": 1, "name": "a.b", "name": "a.c"}', "'name' is given twice"),
        (b'{"format": 1, "metrics": [{"value": 1, "value": 2}]}', "'value' is given twice"),
        (b"[" * 5000, "deeper"),
        (b'{"a": ' * 400_000, "at most 1,000,000"),
        (b'{"a": ' * 100_000, "deeper"),
        (b'{"format": NaN}', "NaN"),
        (b'{"format": 1e999}', "too large"),
        (b'{"format": 1' + b"0" * 5000 + b"}", "64 bits"),
        (b'{"format": 1, "name": "\xff"}', "UTF-8"),
        (b'{"format": 1, "name": "\\ud800"}', "UTF-8"),
        (b"[]", "expected a table"),
        (b"", "not valid JSON"),
        (b'{"format": 1} x', "not valid JSON"),
        (b'"' + b'\\"' * 400_000, "not valid JSON"),
    ],
)
def test_json_that_two_readers_could_read_differently_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        parse_manifest(data, "zoo.json")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("MIT", True),
        ("MIT OR Apache-2.0", True),
        ("(MIT AND GPL-2.0+) OR Apache-2.0 WITH LLVM-exception", True),
        ("LicenseRef-mine", True),
        ("MIT Apache-2.0", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT WITH (x)", False),
        ("AND", False),
        ("MIT\nOR BSD-2-Clause; rm", False),
        ("Unknown", False),
        ("NOASSERTION", False),
        ("()", False),
    ],
)
def test_a_licence_is_an_expression_of_spdx_ids(text: str, good: bool) -> None:
    if good:
        check_license(text)
        return
    with pytest.raises(ReleaseError):
        check_license(text)


def test_names_and_versions_have_one_spelling() -> None:
    for name in ("dcgan", "dcgan.mnist5k", "vit_tiny-p16.a_b"):
        check_name(name)
    for name in ("", ".a", "a.", "a.b.c", "A.b", "a b", "-a", "a/b", "a" * 101):
        with pytest.raises(ReleaseError):
            check_name(name)
    check_version("10.0.3")
    for version in ("1", "1.0", "01.0.0", "1.0.0-rc1", "v1.0.0", "1.0.٣"):
        with pytest.raises(ReleaseError):
            check_version(version)


def test_facts_that_json_cannot_say_are_refused_when_written() -> None:
    manifest, _ = example()
    odd = replace(manifest.parts["encoder"], config={"x": float("inf")})
    with pytest.raises(ReleaseError, match="plain data"):
        manifest_bytes(replace(manifest, parts={**manifest.parts, "encoder": odd}))


# ---------------------------------------------------------------- lying weights


def lie(header: object, body: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(dtype: str = "F32", shape: object = (2,), offsets: object = (0, 8), **more: object) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "too few"),
        (struct.pack("<Q", 2**63) + b"{}", "claims"),
        (struct.pack("<Q", 11_000_000) + b" " * 11_000_000, "claims"),
        (lie(b'{"a": 1, "a": 2}'), "twice"),
        (lie(b"[]"), "not a table"),
        (lie(b" {}", b""), "not a table"),
        (lie({"a": tensor("F31")}), "dtype"),
        (lie({"a": tensor(["F32"])}), "dtype"),
        (lie({"a": tensor(shape=[3])}), "does not fill"),
        (lie({"a": tensor(shape=[-1, -2])}), "impossible shape"),
        (lie({"a": tensor(shape=[True, 2])}), "impossible shape"),
        (lie({"a": tensor(shape=[0, 2**62, 2**62], offsets=[0, 0])}, b""), "impossible shape"),
        (lie({"a": tensor(shape=[1] * 100 + [2])}), "impossible shape"),
        (lie({"a": tensor(offsets=[8, 0])}), "data_offsets"),
        (lie({"a": tensor(offsets=[0, 8, 9])}), "data_offsets"),
        (lie({"a": tensor(offsets=[8, 16])}), "starts at 8"),
        (lie({"a": tensor(), "b": tensor()}), "starts at 0"),
        (lie({"a": tensor(shape=[1], offsets=[0, 4]), "b": tensor(offsets=[2, 10])}, b"\0" * 10), "starts"),
        (lie({"a": tensor()}, b"\0" * 9), "cover 8 of 9"),
        (lie({"a": tensor()}, b"\0" * 4), "cover 8 of 4"),
        (lie({"a": tensor(code="x")}), "exactly"),
        (lie({"a": tensor("BOOL", [8])}, b"\0\1\0\1\2\0\0\0"), "truth values"),
        (lie({"__metadata__": {"format": "pt"}}, b""), "metadata"),
        (lie({"__metadata__": {"zoo": 1}}, b""), "not text"),
        (lie({"__metadata__": {"zoo": "[]"}}, b""), "not a table"),
    ],
)
def test_a_lying_header_is_refused_before_it_is_used(data: bytes, says: str) -> None:
    for read in (check_header, unpack):
        with pytest.raises(IntegrityError, match=says) as refused:
            read(data, "decoder.safetensors")
        assert refused.value.message.startswith("decoder.safetensors")


def test_a_tensor_added_to_the_file_breaks_its_pin(folder: Path) -> None:
    manifest = read_manifest(folder)
    more = pack({**weights("prior"), "extra": torch.zeros(1)}, {"role": "prior"})
    (folder / "prior.safetensors").write_bytes(more)
    with pytest.raises(IntegrityError, match=r"prior\.safetensors"):
        read_part(folder, manifest.parts["prior"])


# ---------------------------------------------------------------- storage


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever write or sync it is that fails, the place is empty or the release is whole."""
    manifest, files = example()
    whole = 0
    for failing in range(25):
        target = tmp_path / str(failing) / "release"
        calls = iter(range(1000))

        def full(descriptor: int, at: int = failing, calls: object = calls, real: object = os.fsync) -> None:
            if next(calls) == at:  # type: ignore[call-overload]
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)  # type: ignore[operator]

        with monkeypatch.context() as patch:
            patch.setattr(zoo_files.os, "fsync", full)
            with contextlib.suppress(StorageError):
                write_release(target, manifest, files)
        left = list(target.parent.iterdir())
        if left:
            assert left == [target]
            verify_files(target, read_manifest(target))
            whole += 1
    assert 0 < whole < 25


def test_a_file_is_replaced_whole_or_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "state.json"
    write_atomically(path, b"old")

    def full(source: object, target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(zoo_files.os, "replace", full)
        with pytest.raises(StorageError):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == ["state.json"]
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_place_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "file" / "x", b"")
    with pytest.raises(StorageError):
        write_folder_atomically(tmp_path / "file" / "x", {"a": b""})
    with pytest.raises(ReleaseError, match="cannot become"):
        write_release(tmp_path / "file", *example())
    assert os.listdir(tmp_path) == ["file"]


def test_a_folder_is_not_written_over_another(tmp_path: Path) -> None:
    write_folder_atomically(tmp_path / "x", {"a": b"1"})
    with pytest.raises(StorageError):
        write_folder_atomically(tmp_path / "x", {"a": b"2"})
    assert (tmp_path / "x" / "a").read_bytes() == b"1"
    assert os.listdir(tmp_path) == ["x"]
    (tmp_path / "empty").mkdir()
    write_folder_atomically(tmp_path / "empty", {"a": b"3"})
    assert (tmp_path / "empty" / "a").read_bytes() == b"3"


# ---------------------------------------------------------------- anything at all

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def only_zoo_errors(read: object, *arguments: object) -> None:
    try:
        read(*arguments)  # type: ignore[operator]
    except ZooError:
        return


@MANY
@given(data=st.binary(max_size=200))
def test_any_bytes_give_a_zoo_error_and_no_other(data: bytes) -> None:
    only_zoo_errors(parse_manifest, data, "zoo.json")
    only_zoo_errors(unpack, data, "x.safetensors")
    only_zoo_errors(unpack, lie(b"{" + data + b"}"), "x.safetensors")


@MANY
@given(values=st.data())
def test_any_value_in_any_place_of_a_manifest_gives_a_zoo_error_and_no_other(
    original: Path, values: st.DataObject
) -> None:
    facts = plain(original)
    table: object = facts
    while True:
        keys = sorted(table) if isinstance(table, dict) else range(len(table))  # type: ignore[arg-type]
        key = values.draw(st.sampled_from(keys))
        inner = table[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or values.draw(st.booleans()):
            break
        table = inner
    table[key] = values.draw(VALUES)  # type: ignore[index]
    only_zoo_errors(parse_manifest, json.dumps(facts).encode(), "zoo.json")


@MANY
@given(
    name=st.sampled_from(["a", "__metadata__"]),
    value=VALUES,
    part=st.sampled_from(["dtype", "shape", "data_offsets", ""]),
)
def test_any_value_in_a_header_gives_a_zoo_error_and_no_other(name: str, value: object, part: str) -> None:
    entry = {**tensor(), part: value} if part else value
    only_zoo_errors(unpack, lie({name: entry}), "x.safetensors")


@MANY
@given(at=st.integers(0, 10_000), cut=st.integers(0, 400), flip=st.integers(0, 255))
def test_damaged_weights_never_crash_the_reader(at: int, cut: int, flip: int) -> None:
    data = bytearray(pack(weights("x"), {"role": "x"}))
    data[at % len(data)] ^= flip
    only_zoo_errors(unpack, bytes(data[: max(0, len(data) - cut)]), "x.safetensors")
    only_zoo_errors(unpack, bytes(data), "x.safetensors")


def test_entries_hold_to_their_own_rules() -> None:
    """A caller in Python is told the same as a stranger's file."""
    with pytest.raises(ReleaseError):
        FileEntry("0" * 63, 1)
    with pytest.raises(ReleaseError):
        Sampling(chunk=0)


# ---------------------------------------------------------------- tags


def test_the_facts_of_a_release_come_back_from_its_tags() -> None:
    facts, _ = example()
    tags = ["aegan-zoo", "gan", *fact_tags(facts), "region:us"]
    assert read_fact_tags(tags) == FactTags(facts.data.shape, facts.code_shape, facts.distributions)
    assert read_fact_tags(["aegan-zoo", "license:mit"]) == FactTags((), (), ())


def test_tags_that_are_not_facts_are_ignored() -> None:
    """They come from strangers."""
    for tag in (
        "sample_shape:1x32x",
        "sample_shape:1x2x3x4",
        "sample_shape:0x1x1",
        "sample_shape:1x\u0663x3",
        f"sample_shape:{'9' * 5000}",
        "code_shape:-1",
        "code_shape:1e9",
        f"code_shape:{'9' * 5000}",
        "plugin:zoo dcgan; rm",
        "plugin:-r",
        "plugin:",
    ):
        assert read_fact_tags([tag]) == FactTags(), tag
