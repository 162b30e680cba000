"""`trust.toml`: what the user's policy does not allow is not loaded, pulled or served."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric import ec
from helpers import released
from zoo_serve.folder import read_releases

import zoo
from zoo.cli import zoo as command
from zoo.errors import ConfigError, ReleaseError
from zoo.registry.edit import add
from zoo.registry.policy import read_policy
from zoo.registry.trust import trust_of
from zoo.release.folder import read_manifest_bytes
from zoo.remote.signing import SIGNATURE, sign


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config"))
    (tmp_path / "config").mkdir()
    return tmp_path / "config"


@pytest.fixture
def folder(tmp_path: Path, config: Path) -> Path:
    return released(tmp_path / "releases" / "dcgan.blobs")


def policy(config: Path, text: str) -> None:
    (config / "trust.toml").write_text(f"format = 1\n{text}\n")


def keys(folder: Path, name: str) -> Path:
    """Write NAME.pub into the folder, and return the private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    private = folder / f"{name}.pem"
    private.write_bytes(key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption()))
    public = key.public_key().public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub").write_bytes(public)
    return private


def refused(folder: Path) -> str:
    """The refusal, which loading, pulling and serving share."""
    with pytest.raises(ReleaseError, match="is not loaded") as refusal:
        zoo.load(folder)
    with pytest.raises(ReleaseError, match="is not loaded"):
        list(read_releases(folder.parent))
    pulled = CliRunner().invoke(command, ["pull", str(folder)])
    assert isinstance(pulled.exception, ReleaseError)
    return refusal.value.message


def allowed(folder: Path) -> None:
    assert zoo.load(folder).manifest.name == "dcgan.blobs"
    assert len(list(read_releases(folder.parent))) == 1
    assert CliRunner().invoke(command, ["pull", str(folder)]).exit_code == 0


def test_without_a_policy_everything_is_loaded_and_what_vouches_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert "digests alone" in str(zoo.load(folder).trust)
    assert capsys.readouterr().err.count("nothing but its own digests vouches for") == 1
    zoo.load("dcgan.glyphs-sans32")
    assert capsys.readouterr().err == ""


def test_a_registry_that_the_policy_names_is_enough(folder: Path, config: Path) -> None:
    policy(config, 'registries = ["lab.toml", "bundled"]')
    assert "lab.toml or bundled pins" in refused(folder)
    add(str(folder), config / "registry.toml")
    assert "a pin in the registry" in refused(folder)  # a registry, and not one of the policy's
    policy(config, 'registries = ["registry.toml"]')
    allowed(folder)
    with pytest.raises(ReleaseError, match="is not loaded"):
        zoo.load("dcgan.glyphs-sans32")
    policy(config, "")
    assert zoo.load("dcgan.glyphs-sans32").trust.allowed


def test_a_registry_that_was_fetched_counts_by_its_address(
    folder: Path, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from zoo.registry.fetch import place_of

    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    address = "https://lab.example/registry.toml"
    add(str(folder), place_of(address))
    monkeypatch.setenv("ZOO_REGISTRY", str(place_of(address)))
    policy(config, 'registries = ["https://other.example/registry.toml"]')
    refused(folder)
    policy(config, f'registries = ["{address}"]')
    allowed(folder)


def test_a_signer_that_the_policy_names_is_enough(folder: Path, config: Path) -> None:
    ann, eve = keys(config, "ann"), keys(config, "eve")
    policy(config, 'registries = []\n[signers]\nann = "ann.pub"')
    assert "ann signed" in refused(folder)
    (folder / SIGNATURE).write_bytes(sign(read_manifest_bytes(folder), eve))
    assert "ann signed" in refused(folder)
    (folder / SIGNATURE).write_bytes(sign(read_manifest_bytes(folder), ann))
    allowed(folder)
    assert trust_of(folder).signer == "ann"
    assert "signed by ann" in CliRunner().invoke(command, ["info", str(folder)]).output
    other = released(folder.parent / "dcgan.others", name="dcgan.others")
    (other / SIGNATURE).write_bytes((folder / SIGNATURE).read_bytes())
    with pytest.raises(ReleaseError, match="is not loaded"):
        zoo.load(other)  # a signature of another manifest


def test_a_key_that_is_gone_is_an_error_and_no_refusal_in_silence(folder: Path, config: Path) -> None:
    (folder / SIGNATURE).write_bytes(sign(read_manifest_bytes(folder), keys(config, "ann")))
    policy(config, 'registries = []\n[signers]\nann = "lost.pub"')
    with pytest.raises(ConfigError, match="there is no key"):
        zoo.load(folder)


@pytest.mark.parametrize(
    "text",
    ["format = 2", "format = 1\nregistry = []", "format = 1\nregistries = []", "format = 1\nregistries = 3", "= ="],
)
def test_a_policy_that_cannot_be_read_allows_nothing(folder: Path, config: Path, text: str) -> None:
    (config / "trust.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"trust\.toml"):
        zoo.load(folder)


def test_a_policy_that_is_no_file_allows_nothing(folder: Path, config: Path) -> None:
    (config / "trust.toml").mkdir()
    with pytest.raises(ConfigError, match=r"trust\.toml"):
        read_policy()
