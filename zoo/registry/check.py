"""Check that registered releases exist and match their pins."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ReleaseError, ZooError
from zoo.registry.index import Entry, load_registry, locate, open_release, read_registry
from zoo.release.folder import verify_files
from zoo.release.manifest import MANIFEST
from zoo.remote.address import SCHEME

__all__ = ["CheckResult", "check"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The check of one entry; `problem` is empty if there is none, `skipped` if it was not checked."""

    name: str
    version: str
    source: str
    origin: Path
    problem: str = ""
    skipped: bool = False


def check(path: Path | None = None, *, online: bool = False) -> list[CheckResult]:
    """Check every entry of one file, or of all layers: its release exists, is complete and matches its pins.

    With `online`, releases on the Hub are pulled and checked too. Raises ReleaseError for an invalid registry file.
    """
    entries = read_registry(path) if path is not None else load_registry().entries
    return [_check(entry, online) for entry in entries]


def _check(entry: Entry, online: bool) -> CheckResult:
    facts = (entry.name, entry.version, entry.source, entry.origin)
    if entry.source.startswith(SCHEME) and not online:
        return CheckResult(*facts, skipped=True)
    try:
        folder = locate(entry)
        if not os.path.lexists(folder / MANIFEST):
            raise ReleaseError(f"{entry.source} has no {MANIFEST}")
        verify_files(*open_release(folder))
    except ZooError as error:
        return CheckResult(*facts, error.message)
    return CheckResult(*facts)
