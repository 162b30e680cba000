"""Images that were uploaded: a folder's files one by one, or a zip. Everything in them is hostile until checked."""

from __future__ import annotations

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from zoo.plugin import DataError

__all__ = ["MOST_FILE_BYTES", "MOST_ZIP_BYTES", "Upload", "Uploads"]

MOST_ZIP_BYTES = 2**30
"""The most bytes of a zip."""
MOST_FILE_BYTES = 2**26
"""The most bytes of one picture."""

_MOST_UNPACKED = 2**32
_MOST_FILES = 100_000
_MOST_MEMBERS = 200_000
_DEEPEST = 8
_LONGEST_PART = 150
_ENDINGS = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_CHUNK = 2**20
_MALFORMED = (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Upload:
    """Uploaded images in a folder of their own; `skipped` files were no pictures by their names."""

    folder: Path
    images: int
    skipped: int


@dataclass(frozen=True)
class Uploads:
    """Folders of uploaded images below `root`."""

    root: Path

    def new(self, wish: str) -> Path:
        """A new, empty folder with about this name. Raises DataError if there are too many of that name."""
        name = re.sub(r"[^a-z0-9]+", "-", PurePosixPath(wish.lower()).stem).strip("-")[:60] or "images"
        for number in range(1, 10_000):
            folder = self.root / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            return folder
        raise DataError(f"there are too many uploads called {name}", f"Delete some of {self.root}.")

    def folder(self, name: str) -> Path:
        """The folder of an upload by its name. Raises DataError if there is none."""
        folder = self.root / name
        if not re.fullmatch(r"[a-z0-9-]{1,80}", name) or not folder.is_dir() or folder.is_symlink():
            raise DataError(f"no upload is called {name[:80]!r}", "Begin it anew.")
        return folder

    def names(self) -> list[str]:
        """The names of all uploads that have files."""
        if not self.root.is_dir():
            return []
        return sorted(one.name for one in self.root.iterdir() if one.is_dir() and any(one.iterdir()))

    def place(self, folder: Path, name: str) -> Path | None:
        """Where to write a file of a folder's upload, its own folder made; None if it is not a picture by its name.
        Raises DataError for a name that leads elsewhere, or that is there already."""
        parts = safe_parts(name)
        if not _is_picture(parts):
            return None
        target = folder.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            taken = target.exists()
        except OSError:
            taken = True
        if taken:
            raise DataError(f"{name[:200]!r} was uploaded twice, or is a folder too")
        return target

    def unpack(self, archive: Path, wish: str) -> Upload:
        """The pictures of a zip in a new folder, with the folders that they are in. Links, paths that lead elsewhere,
        encrypted files, other compressions than deflate and too much of anything are refused before a byte is
        unpacked. Raises DataError; then nothing is left."""
        folder = self.new(wish)
        try:
            with zipfile.ZipFile(archive) as zipped:
                members = list(_checked(zipped))
                if not members:
                    raise DataError("this zip has no pictures", f"Zip a folder of {', '.join(_ENDINGS)} files.")
                for info, parts in members:
                    self._write(zipped, info, self.place(folder, "/".join(parts)))
            others = sum(not info.is_dir() for info in zipped.infolist()) - len(members)
            return Upload(folder, len(members), others)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, _MALFORMED) and not isinstance(error, DataError):
                raise DataError(f"this zip cannot be unpacked: {str(error)[:200]}", "Zip the folder again.") from None
            raise

    @staticmethod
    def _write(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path | None) -> None:
        assert target is not None, "members are pictures by their names"
        with zipped.open(info) as packed, target.open("xb") as file:
            size = 0
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > info.file_size:
                    raise DataError(f"{info.filename[:200]!r} is larger than the zip says")
                file.write(chunk)


def safe_parts(name: str) -> tuple[str, ...]:
    """The folders and the name of a relative path. Raises DataError for one that leads elsewhere: absolute, with `..`,
    a drive, a backslash or control characters; and for one that is too long or too deep."""
    parts = tuple(name.split("/"))
    odd = any(part in ("", ".", "..") or len(part.encode()) > _LONGEST_PART for part in parts)
    if odd or len(parts) > _DEEPEST or "\\" in name or ":" in name or any(ord(letter) < 32 for letter in name):
        raise DataError(f"{name[:200]!r} is not the name of a file in a folder", "Choose a folder with plain names.")
    return parts


def _is_picture(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and parts[-1].lower().endswith(_ENDINGS)


def _checked(zipped: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, tuple[str, ...]]]:
    """The pictures of a zip. Raises DataError, before the first, if anything in it is odd."""
    members = zipped.infolist()
    if len(members) > _MOST_MEMBERS:
        raise DataError(f"this zip has {len(members):,} files", f"At most {_MOST_FILES:,} pictures are read.")
    pictures = []
    for info in members:
        if info.is_dir():
            safe_parts(info.filename.rstrip("/"))
            continue
        parts = safe_parts(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise DataError(f"{info.filename[:200]!r} in this zip is a link or a device, not a file")
        if not _is_picture(parts):
            continue
        if info.flag_bits & 0x1:
            raise DataError("this zip is encrypted", "Zip the folder without a password.")
        if info.compress_type not in _COMPRESSIONS:
            raise DataError("this zip is compressed by another way than deflate", "Zip the folder again.")
        if info.file_size > MOST_FILE_BYTES:
            raise DataError(f"{info.filename[:200]!r} unpacks to {info.file_size / 1e6:,.0f} MB")
        pictures.append((info, parts))
    size = sum(info.file_size for info, _ in pictures)
    if size > _MOST_UNPACKED or len(pictures) > _MOST_FILES:
        raise DataError(
            f"this zip unpacks to {len(pictures):,} pictures of {size / 1e9:.1f} GB together",
            "Put the images into a folder on this machine, and name it when you start the page.",
        )
    if size > 1_000 * max(1, sum(info.compress_size for info, _ in pictures)):
        raise DataError("this zip unpacks to more than a thousand times its size", "Zip the folder again.")
    yield from pictures
