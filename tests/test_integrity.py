"""Nothing wrong is ever loaded; and what changed is found where it begins."""

from __future__ import annotations

import json
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from helpers import released, states_equal

import zoo
from zoo._utils import hash_cache
from zoo._utils.tensors import pack, unpack
from zoo.cli import zoo as command
from zoo.errors import ReleaseError, ZooError
from zoo.registry.check import check
from zoo.registry.edit import add
from zoo.registry.index import get, open_release
from zoo.registry.load import load
from zoo.registry.replay import replay_vectors
from zoo.release.folder import pin_file, read_manifest
from zoo.release.manifest import manifest_bytes
from zoo.release.names import pin_of


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release") / "dcgan.blobs")


@pytest.fixture
def named(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the release, named `dcgan.blobs` in the user's registry."""
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config"))
    folder = Path(shutil.copytree(original, tmp_path / "config" / "dcgan.blobs"))
    add(str(folder), tmp_path / "config" / "registry.toml")
    return folder


@pytest.mark.parametrize("flips", [60, pytest.param(1000, marks=pytest.mark.long)])
def test_every_flipped_bit_is_refused(named: Path, monkeypatch: pytest.MonkeyPatch, flips: int) -> None:
    """In any file; also where the whole files were checked, loaded and remembered a moment before."""
    monkeypatch.setattr(hash_cache, "_MIN_AGE", 0)
    load("dcgan.blobs")
    rng = random.Random(0)
    files = {path: path.read_bytes() for path in sorted(named.iterdir())}
    weights = [path for path in files if path.stem in read_manifest(named).parts]
    for _ in range(flips):
        path = rng.choice(sorted(files))
        data = bytearray(files[path])
        bit = rng.randrange(len(data) * 8)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        with pytest.raises(ReleaseError):
            get("dcgan.blobs")
        if path in weights or path.name == "zoo.json":
            with pytest.raises(ReleaseError):
                load("dcgan.blobs")
        path.write_bytes(files[path])
    get("dcgan.blobs")


def test_a_file_that_was_checked_is_not_hashed_again(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it changes, even if its size and time of change are put back."""
    monkeypatch.setattr(hash_cache, "_MIN_AGE", 0)
    first = load("dcgan.blobs")
    hashed: list[int] = []
    from zoo.release import folder as release

    real = release.sha256_of
    monkeypatch.setattr(release, "sha256_of", lambda data: (hashed.append(len(data)), real(data))[1])
    again = load("dcgan.blobs")
    assert hashed == []
    assert first.gan is not None
    assert again.gan is not None
    assert states_equal(first.gan, again.gan)
    path = named / "generator.safetensors"
    data, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    import os

    os.utime(path, ns=times)
    with pytest.raises(ZooError, match="sha256"):
        load("dcgan.blobs")


def test_a_file_written_this_very_moment_is_not_remembered(named: Path) -> None:
    load("dcgan.blobs")
    with hash_cache.hash_cache(named) as cache:
        assert cache.entries == {}


def changed(folder: Path, place: Path, key: str) -> Path:
    """The release with one tensor of the generator scaled, pinned as if that were right."""
    shutil.copytree(folder, place)
    manifest = read_manifest(place)
    part = manifest.parts["generator"]
    weights = unpack((place / part.file).read_bytes(), "x")
    data = pack({name: value * (1.5 if name == key else 1) for name, value in weights.items()}, {})
    (place / part.file).write_bytes(data)
    pin = pin_file(data)
    parts = {**manifest.parts, "generator": replace(part, sha256=pin.sha256, size=pin.size)}
    (place / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts=parts)))
    return place


def test_verify_names_the_first_stage_that_differs_and_saves_the_tensor(original: Path, tmp_path: Path) -> None:
    generator = load(original).gan.generator  # type: ignore[union-attr]
    kinds = (torch.nn.ConvTranspose2d, torch.nn.Conv2d)
    names = [name for name, part in generator.named_modules() if isinstance(part, kinds)]
    wrong = changed(original, tmp_path / "wrong", f"{names[-1]}.weight")
    saved = tmp_path / "differs.safetensors"
    done = CliRunner().invoke(command, ["verify", str(wrong), "--json", "--save", str(saved)])
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert told["first"] == f"module {names[-1]} of the generator"
    assert all("encoder" not in one["name"] for one in told["differences"])
    tensors = unpack(saved.read_bytes(), "x")
    assert set(tensors) == {"recorded.sample", "given.sample"}
    assert not torch.allclose(tensors["recorded.sample"], tensors["given.sample"])
    assert replay_vectors(original, read_manifest(original)).differences == []


def test_a_registry_entry_is_added_with_its_pins_and_checked(named: Path, tmp_path: Path) -> None:
    registry = tmp_path / "config" / "registry.toml"
    assert open_release("dcgan.blobs")[0] == named
    assert pin_of((named / "zoo.json").read_bytes()) in registry.read_text()
    before = registry.read_bytes()
    with pytest.raises(ReleaseError):
        add(str(named), registry)
    with pytest.raises(ReleaseError, match="already in"):
        add(str(named), tmp_path / "other.toml")
    assert registry.read_bytes() == before
    assert not (tmp_path / "other.toml").exists()
    assert [one.problem for one in check(registry)] == [""]
    (named / "prior.safetensors").unlink()
    (problem,) = check(registry)
    assert "prior.safetensors is missing" in problem.problem


def test_a_registry_may_be_given_for_one_command(named: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a path or an address, which is remembered; one from elsewhere may not name folders of this machine."""
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "empty"))

    def listed(*words: str) -> str:
        done = CliRunner().invoke(command, [*words, "list", "dcgan.blobs", "-q"], catch_exceptions=False)
        assert done.exit_code == 0
        return done.stdout

    registry = named.parent / "registry.toml"
    assert listed() == ""
    assert listed("--registry", str(registry)) == "dcgan.blobs\n"
    on_the_hub = re.sub("source = .*", f'source = "hub:ann/x@{"a" * 40}"', registry.read_text())
    address = served(on_the_hub.encode())
    assert listed("--registry", address) == "dcgan.blobs\n"
    with pytest.warns(UserWarning, match="cannot be reached; using the copy that was fetched last"):
        assert listed("--registry", address) == "dcgan.blobs\n"
    assert listed() == ""
    for place, says in (
        (served(registry.read_bytes()), "names a folder of its own machine"),
        (served(b"format = 2"), "format 2 is unknown"),
        ("http://example.org/r.toml", "not an https address"),
    ):
        with pytest.raises(ZooError, match=says):
            listed("--registry", place)


def served(data: bytes) -> str:
    """The address of a registry, served by this machine for one request."""
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)

    def once() -> None:
        with server:
            server.handle_request()

    threading.Thread(target=once, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/registry.toml"


def test_fitting_parts_are_listed_and_the_others_say_why(named: Path) -> None:
    done = CliRunner().invoke(command, ["list", "--fits", "dcgan.blobs", "--json"])
    found = {(one["kind"], one["name"]): one for one in json.loads(done.stdout)}
    assert found["generator", "dcgan/dcgan"]["weights"]
    assert not found["generator", "mlp/mlp"]["weights"]
    assert found["generator", "mlp/mlp"]["why"] == ""
    assert found["release", "dcgan.blobs"]["why"] == ""
    assert zoo.gan(generator="mlp", like=load("dcgan.blobs").autoencoder).code_shape == (6,)
