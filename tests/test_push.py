"""Publishing: proved first, one commit, never two meanings of one version."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults import Fault
from helpers import released
from huggingface_hub import ModelCard
from loopback import BOB, PUSH, READER, FaultyServer, cli, environment, hf, hub, kill_at, push

from zoo._utils.tensors import pack, unpack
from zoo.release.card import card
from zoo.release.folder import pin_file, read_manifest
from zoo.release.manifest import manifest_bytes
from zoo.types import Origin


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return released(tmp_path_factory.mktemp("release") / "dcgan.blobs")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyServer]:
    with hub(tmp_path / "store") as running:
        yield running


@pytest.fixture
def env(server: FaultyServer, tmp_path: Path) -> dict[str, str]:
    made = environment(server.url, tmp_path / "hf")
    del made["HF_HUB_DISABLE_XET"]  # a server at a plain http address needs no switch
    return made


def test_a_release_comes_back_as_it_was_pushed(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """In one commit, tagged with its version; again changes nothing; on an empty cache both clients get the same."""
    first = cli("push", str(release), "ann/x", "--json", env=env)
    assert first.returncode == 0, first.stderr
    told = json.loads(first.stdout)
    again = json.loads(push(str(release), "ann/x", "--json", env=env).stdout)
    assert again["already"]
    assert again["commit"] == told["commit"]
    repository = server.hub.store.find("model", "ann/x")
    assert repository is not None
    assert len(repository.commits) == 2
    assert repository.tags == {"v1.0.0": told["commit"]}
    stranger = {**environment(server.url, tmp_path / "empty"), "HF_TOKEN": READER}
    folder = Path(cli("pull", "-q", "hub:ann/x@v1.0.0", env=stranger).stdout.strip())
    hf("download", "ann/x", "--local-dir", tmp_path / "plain", env=stranger)
    for path in release.iterdir():
        pulled = (folder / path.name).read_bytes()
        assert pulled == (tmp_path / "plain" / path.name).read_bytes()
        assert pulled == path.read_bytes() or path.name in ("README.md", "zoo.json")
    card_there = (folder / "README.md").read_text()
    assert card_there == (release / "README.md").read_text().replace('load("dcgan.blobs")', 'load("hub:ann/x")')
    assert 'zoo.load("hub:ann/x")' in card_there
    assert cli("verify", str(folder), env=stranger).returncode == 0


def test_a_dry_run_writes_what_would_be_uploaded_and_sends_nothing(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    done = push(str(release), "ann/x", "--dry-run", "--out", str(tmp_path / "up"), env=env)
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "up")) == sorted(os.listdir(release))
    assert all(name in done.stdout for name in os.listdir(release))
    assert not server.responses


def rewritten(release: Path, folder: Path, changes: dict[str, bytes], **facts: object) -> Path:
    """The release with other bytes in some files, and a manifest that pins them."""
    shutil.copytree(release, folder)
    manifest = replace(read_manifest(release), **facts)  # type: ignore[arg-type]
    parts, files = dict(manifest.parts), dict(manifest.files)
    for name, data in changes.items():
        (folder / name).write_bytes(data)
        pin = pin_file(data)
        if name in files:
            files[name] = pin
        role = name.partition(".")[0]
        if role in parts:
            parts[role] = replace(parts[role], sha256=pin.sha256, size=pin.size)
    (folder / "zoo.json").write_bytes(manifest_bytes(replace(manifest, parts=parts, files=files)))
    return folder


def test_what_cannot_be_proved_is_not_published(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    weights = unpack((release / "generator.safetensors").read_bytes(), "x")
    scaled = pack({name: value * 1.5 if value.is_floating_point() else value for name, value in weights.items()}, {})
    fewer = pack(dict(list(weights.items())[1:]), {})
    wrong = {
        "values": (rewritten(release, tmp_path / "a", {"generator.safetensors": scaled}), "another"),
        "tensors": (rewritten(release, tmp_path / "b", {"generator.safetensors": fewer}), "lacks the tensor"),
        "card": (rewritten(release, tmp_path / "c", {"README.md": b"# hello"}), "is not complete"),
    }
    shutil.copytree(release, tmp_path / "d")
    (tmp_path / "d" / "generator.safetensors").write_bytes(scaled)
    wrong["bytes"] = (tmp_path / "d", "its manifest pins")
    for folder, says in wrong.values():
        done = cli("push", str(folder), "ann/x", env=env)
        assert done.returncode == 1
        assert says in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 2
    assert {method for method, _, _ in server.responses} == {"GET"}  # only looked whether the version is free


def test_a_version_that_is_taken_is_refused_before_the_release_is_loaded(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    """The release would fail that proof too, with another message: it was not made."""
    assert push(str(release), "ann/x", env=env).returncode == 0
    weights = unpack((release / "generator.safetensors").read_bytes(), "x")
    fewer = pack(dict(list(weights.items())[1:]), {})
    clashing = rewritten(release, tmp_path / "clashing", {"generator.safetensors": fewer})
    done = cli("push", str(clashing), "ann/x", env=env)
    assert done.returncode == 1
    assert "has a version 1.0.0 with other bytes" in done.stderr
    assert "higher --version" in done.stderr


def test_a_version_means_one_thing_for_ever(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    assert push(str(release), "ann/x", env=env).returncode == 0
    other = rewritten(release, tmp_path / "other", {"samples.png": b"\x89PNG other"})
    done = push(str(other), "ann/x", env=env)
    assert done.returncode == 1
    assert "has a version 1.0.0 with other bytes" in done.stderr
    next_one = rewritten(release, tmp_path / "next", {"samples.png": b"\x89PNG other"}, version="1.1.0")
    assert push(str(next_one), "ann/x", env=env).returncode == 0
    repository = server.hub.store.find("model", "ann/x")
    assert repository is not None
    assert sorted(repository.tags) == ["v1.0.0", "v1.1.0"]
    stranger = rewritten(release, tmp_path / "stranger", {}, name="dcgan.other", version="2.0.0")
    assert "holds dcgan.blobs" in push(str(stranger), "ann/x", env=env).stderr


def test_a_newer_version_is_named_beside_the_older_one_and_both_are_pulled(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    assert push(str(release), "ann/x", env=env).returncode == 0
    assert cli("registry", "add", "hub:ann/x", "--name", "ann.blobs", env=env).returncode == 0
    newer = rewritten(release, tmp_path / "newer", {}, version="1.1.0")
    assert push(str(newer), "ann/x", env=env).returncode == 0
    told = json.loads(cli("registry", "update", "ann.blobs", "--json", env=env).stdout)
    assert [(entry["name"], entry["version"], entry["release"]) for entry in told["added"]] == [
        ("ann.blobs", "1.1.0", "dcgan.blobs")
    ]
    assert told["removed"] == []
    assert json.loads(cli("registry", "update", "ann.blobs", "--json", env=env).stdout) == {"added": [], "removed": []}
    for name, version in (("ann.blobs", "1.1.0"), ("ann.blobs@1.0.0", "1.0.0")):
        assert json.loads(cli("pull", name, "--json", env=env).stdout)["version"] == version


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(r"POST .*/commit/", "status", 1, 412), "changed meanwhile"),
        (Fault(r"PUT /lfs/", "status", 1, 403), "may not"),
        *(
            pytest.param(fault, says, marks=pytest.mark.long)
            for fault, says in (
                (Fault(r"POST .*/commit/", "status", 9, 409), "exists already"),
                (Fault(r"POST /api/repos/create", "status", 9, 401), "token"),
                (Fault(r"PUT /lfs/", "status", 1, 413), "out of space"),
                (Fault(r"GET /api/models/ann/x", "status", 9, 429), "limits the rate"),
                (Fault(r"GET /api/models/ann/x", "status", 9, 502), "internal error"),
            )
        ),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, Fault) else "",
)
def test_a_refused_push_publishes_nothing_and_can_be_repeated(
    server: FaultyServer, release: Path, env: dict[str, str], fault: Fault, says: str
) -> None:
    server.faults.add(fault)
    done = push(str(release), "ann/x", env=env)
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    repository = server.hub.store.find("model", "ann/x")
    assert repository is None or repository.head.files == {}
    assert ("the new repository ann/x was created" in done.stderr) == (repository is not None)
    server.faults.clear()
    assert push(str(release), "ann/x", env=env).returncode == 0
    assert server.hub.store.find("model", "ann/x").tags  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "fault",
    [Fault(r"POST .*/tag/", "status", 9, 403), Fault(r"POST .*/commit/", "cut", 9, at=0)],
    ids=["tag", "answer"],
)
def test_a_push_that_ended_after_its_commit_is_finished_by_the_next(
    server: FaultyServer, release: Path, env: dict[str, str], fault: Fault
) -> None:
    """Before its tag, or before it heard that the commit was made."""
    server.faults.add(fault)
    done = push(str(release), "ann/x", env=env)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 2, done.stderr
    server.faults.clear()
    assert "already" in push(str(release), "ann/x", env=env).stdout
    repository = server.hub.store.find("model", "ann/x")
    assert repository is not None
    assert list(repository.tags) == ["v1.0.0"]
    assert len(repository.commits) == 2


def test_a_killed_push_publishes_nothing_and_can_be_repeated(
    server: FaultyServer, release: Path, env: dict[str, str]
) -> None:
    kill_at(server, "PUT /lfs/", [*PUSH, str(release), "ann/x"], env)
    repository = server.hub.store.find("model", "ann/x")
    assert repository is not None
    assert repository.head.files == {}
    assert push(str(release), "ann/x", env=env).returncode == 0


def test_who_may_not_write_is_told_so(server: FaultyServer, release: Path, env: dict[str, str]) -> None:
    for token, says in ((READER, "may not"), (BOB, "may not"), ("hf_test_wrong", "token")):
        done = push(str(release), "ann/x", env={**env, "HF_TOKEN": token})
        assert done.returncode == 1
        assert says in done.stderr
        assert token not in done.stderr + done.stdout
    assert server.hub.store.find("model", "ann/x") is None


def test_the_hub_can_read_the_cards_figures_and_its_base_model(release: Path) -> None:
    source = Origin("dcgan.y", "1.0.0", "sha256:" + "a" * 64, f"hub:ann/y@{'b' * 40}")
    from zoo.release.manifest import Lineage

    manifest = replace(read_manifest(release), lineage=Lineage("decoder-init", 10, "c" * 64, source))
    read = ModelCard(card(manifest)).data
    assert read.base_model == ["ann/y"]
    assert "decoder-init" in read.tags
    assert read.eval_results[0].metric_type == "kid"
    assert read.eval_results[0].metric_value == 0.25


def test_a_signature_holds_for_its_key_alone(
    server: FaultyServer, release: Path, env: dict[str, str], tmp_path: Path
) -> None:
    pytest.importorskip("model_signing.signing", exc_type=ImportError)
    from cryptography.hazmat.primitives import serialization as pem
    from cryptography.hazmat.primitives.asymmetric import ec

    for name in ("ann", "eve"):
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
        (tmp_path / f"{name}.pem").write_bytes(private)
        public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / f"{name}.pub").write_bytes(public)
    done = push(str(release), "ann/x", "--sign", str(tmp_path / "ann.pem"), env=env)
    assert done.returncode == 0, done.stderr
    assert push(str(release), "ann/plain", env=env).returncode == 0
    good = cli("pull", "hub:ann/x", "--verify-key", str(tmp_path / "ann.pub"), env=env)
    assert good.returncode == 0, good.stderr
    for address, name, says in (("ann/x", "eve", "does not hold"), ("ann/plain", "ann", "is not signed")):
        bad = cli("pull", f"hub:{address}", "--verify-key", str(tmp_path / f"{name}.pub"), env=env)
        assert bad.returncode == 1
        assert says in bad.stderr, bad.stderr
    lost = cli("pull", "hub:ann/x", "--verify-key", str(tmp_path / "lost.pub"), env=env)
    assert "there is no key" in lost.stderr
