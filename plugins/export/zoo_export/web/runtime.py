"""The files of onnxruntime-web that a page contains: of one version, checked against pinned digests."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from zoo.plugin import ConfigError, IntegrityError, RemoteError, read_regular, sha256_of

__all__ = ["PINS", "VERSION", "read_runtime"]

VERSION = "1.30.0"
PINS = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
"""The SHA-256 of each file, in the order script, glue, WebAssembly. The page runs them, so no other bytes will do."""

_PACKAGE = f"onnxruntime-web@{VERSION}"
_LARGEST = 64_000_000
_SECONDS = 600
_BY_HAND = f"Or fetch it elsewhere: npm pack {_PACKAGE}, unpack it, and name its folder: --runtime package/"


def read_runtime(folder: Path | None = None) -> dict[str, bytes]:
    """The files by name, of an unpacked `folder`, or of the package that npm fetches.

    Raises ConfigError if there is no npm or a file is missing, RemoteError if npm fails, IntegrityError for other bytes
    than those of the pinned version.
    """
    files = _from_npm() if folder is None else _from_folder(folder)
    for name, pin in PINS.items():
        if sha256_of(files[name]) != pin:
            raise IntegrityError(
                f"{name} of {folder or 'npm'} is not that of onnxruntime-web {VERSION}",
                f"Take exactly this version: npm pack {_PACKAGE}",
            )
    return files


def _from_folder(folder: Path) -> dict[str, bytes]:
    """From the package's folder or its `dist`."""
    at = folder if (folder / next(iter(PINS))).exists() else folder / "dist"
    try:
        return {name: read_regular(at / name, _LARGEST) for name in PINS}
    except OSError as error:
        problem = f"{folder} does not hold onnxruntime-web: {Path(str(error.filename)).name}: {error.strerror}"
        raise ConfigError(problem, f"Fetch it: npm pack {_PACKAGE}, and unpack it.") from None


def _from_npm() -> dict[str, bytes]:
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError("the page contains onnxruntime-web, and there is no npm to fetch it", _BY_HAND)
    with tempfile.TemporaryDirectory() as place:
        words = [npm, "pack", "--silent", "--pack-destination", place, _PACKAGE]
        try:
            done = subprocess.run(words, cwd=place, capture_output=True, text=True, timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            raise RemoteError(f"npm took longer than {_SECONDS} s to fetch {_PACKAGE}", _BY_HAND) from None
        packed = list(Path(place).glob("*.tgz"))
        if done.returncode or len(packed) != 1:
            reason = ([line for line in done.stderr.splitlines() if line.strip()] or ["it says nothing"])[0]
            raise RemoteError(f"npm cannot fetch {_PACKAGE}: {reason[:200]}", _BY_HAND)
        return _unpacked(packed[0])


def _unpacked(packed: Path) -> dict[str, bytes]:
    """The files from npm's archive; nothing is extracted to disk."""
    files = {}
    try:
        with tarfile.open(packed) as archive:
            for name in PINS:
                member = archive.getmember(f"package/dist/{name}")
                file = archive.extractfile(member) if member.isreg() and member.size <= _LARGEST else None
                if file is None:
                    raise KeyError(name)
                files[name] = file.read()
    except (KeyError, tarfile.TarError, OSError) as error:
        raise IntegrityError(f"what npm sent as {_PACKAGE} lacks a file: {error}", _BY_HAND) from None
    return files
