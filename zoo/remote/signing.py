"""OpenSSF model signatures over zoo.json, which pins every other file. Needs `aegan-zoo[signing]`.

The signature is the file `.zoo.sig` in the release's folder. Keys are the user's own elliptic-curve PEM files; no
signing service is involved.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType

from zoo._utils.files import read_regular
from zoo.errors import ConfigError, IntegrityError, ReleaseError
from zoo.release.folder import read_manifest_bytes
from zoo.release.manifest import MANIFEST
from zoo.release.snapshots import repository_of, snapshot_file
from zoo.remote.address import parse_address
from zoo.remote.client import hub_errors

__all__ = ["SIGNATURE", "check_signature", "sign"]

SIGNATURE = ".zoo.sig"
_LARGEST = 1_000_000
_UNSIGNED = "Its publisher signs with: zoo push --sign KEY"


def sign(manifest: bytes, key: Path) -> bytes:
    """The signature of a zoo.json with a private key. Raises ConfigError for a key that cannot be used."""
    signing = _module("signing")
    with tempfile.TemporaryDirectory() as place:
        folder = _manifest_folder(manifest, place)
        try:
            signing.Config().use_elliptic_key_signer(private_key=key).sign(folder, Path(place) / SIGNATURE)
        except (ValueError, OSError, TypeError) as error:
            raise ConfigError(
                f"{key} cannot sign: {error}", "openssl ecparam -name prime256v1 -genkey -noout"
            ) from None
        return (Path(place) / SIGNATURE).read_bytes()


def check_signature(folder: Path, key: Path) -> None:
    """Check a release's signature with a public key; for a release from the Hub, it is pulled first. Only zoo.json is
    signed: the other files are checked against its pins elsewhere.

    Raises ConfigError for a missing key, IntegrityError if the signature is not by that key or not of this zoo.json,
    ReleaseError if there is no signature.
    """
    verifying = _module("verifying")
    address = repository_of(folder)
    if address and not (folder / SIGNATURE).is_symlink():
        _fetch(address)
    try:
        signature = read_regular(snapshot_file(folder, SIGNATURE), _LARGEST)
    except OSError:
        raise ReleaseError(f"{address or folder} is not signed", _UNSIGNED) from None
    if not key.is_file():
        raise ConfigError(f"there is no key {key}", "Give the file of its publisher's public key (PEM).")
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / SIGNATURE).write_bytes(signature)
        model = _manifest_folder(read_manifest_bytes(folder), place)
        try:
            verifying.Config().use_elliptic_key_verifier(public_key=key).verify(model, Path(place) / SIGNATURE)
        except (ValueError, OSError, TypeError, KeyError) as error:
            reason = (str(error).strip().splitlines() or ["it cannot be read"])[0][:200]
            problem = f"{address or folder}: the signature does not hold for {key}: {reason}"
            raise IntegrityError(problem, "Don't use it; ask its publisher for the right key.") from None


def _fetch(address: str) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    parsed = parse_address(address)
    with hub_errors(f"signature of {address}"):
        try:
            hf_hub_download(parsed.repo, SIGNATURE, revision=parsed.revision)
        except EntryNotFoundError:
            raise ReleaseError(f"{address} is not signed", _UNSIGNED) from None


def _manifest_folder(manifest: bytes, place: str) -> Path:
    folder = Path(place) / "release"
    folder.mkdir()
    (folder / MANIFEST).write_bytes(manifest)
    return folder


def _module(name: str) -> ModuleType:
    import importlib

    try:
        return importlib.import_module(f"model_signing.{name}")
    except ImportError as error:
        raise ConfigError(f"signatures need another package: {error}", "pip install 'aegan-zoo[signing]'") from None
