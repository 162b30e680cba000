"""What vouches for a release is said."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import released

from zoo.cli import zoo as command
from zoo.registry.edit import add
from zoo.registry.index import open_release
from zoo.registry.trust import trust_of
from zoo.release.folder import read_manifest
from zoo.release.manifest import manifest_bytes


def said(*words: object) -> str:
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config"))
    return released(tmp_path / "release")


def test_a_folder_has_its_own_digests_alone_until_a_registry_pins_it(folder: Path, tmp_path: Path) -> None:
    assert str(trust_of(folder)).startswith("its own digests alone")
    assert "Trust: its own digests alone" in said("verify", folder)
    registry = tmp_path / "config" / "registry.toml"
    add(str(folder), registry)
    for name in (str(folder), "dcgan.blobs", "dcgan.blobs@1.0.0"):
        assert str(trust_of(open_release(name)[0])) == f"a pin in the registry {registry}"
    assert json.loads(said("verify", "dcgan.blobs", "--json"))["trust"] == f"a pin in the registry {registry}"


def test_another_release_of_that_name_is_not_what_the_registry_pins(folder: Path, tmp_path: Path) -> None:
    add(str(folder), tmp_path / "config" / "registry.toml")
    other = shutil.copytree(folder, tmp_path / "other")
    changed = replace(read_manifest(other), license="MIT")
    (other / "zoo.json").write_bytes(manifest_bytes(changed))
    assert str(trust_of(other)).startswith("its own digests alone")


def test_a_bundled_release_is_pinned_by_its_plugins_registry() -> None:
    assert "a pin in the registry" in str(trust_of(open_release("dcgan.mnist5k")[0]))
    assert "trust" in said("info", "dcgan.mnist5k")
