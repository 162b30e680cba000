"""Registries at URLs: fetched once per command, with a cached copy for use without a network."""

from __future__ import annotations

import ipaddress
import os
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from zoo._utils.files import sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.errors import ConfigError, ReleaseError, RemoteError
from zoo.registry.file import LARGEST, parse_registry

__all__ = ["extra_registries", "fetch"]

_TIMEOUT = 10.0


@contextmanager
def extra_registries(places: Sequence[str]) -> Iterator[None]:
    """Read these files and URLs as the last layers of the registry while the block runs."""
    before = os.environ.get("ZOO_REGISTRY")
    paths = [str(fetch(place)) if "://" in place else place for place in places]
    os.environ["ZOO_REGISTRY"] = os.pathsep.join([before, *paths] if before else paths)
    try:
        yield
    finally:
        if before is None:
            del os.environ["ZOO_REGISTRY"]
        else:
            os.environ["ZOO_REGISTRY"] = before


def fetch(url: str) -> Path:
    """Fetch a registry.toml from an https URL (or http on this machine); the local file.

    Without a network the cached copy is used, with a warning. Raises ConfigError, RemoteError, or ReleaseError for a
    file that is not a registry or that names a folder: a path means something else on each machine.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ConfigError(f"registry {url[:200]!r} is not an https address", "Give a path or https://...")
    path = cache_folder() / "registries" / f"{sha256_of(url.encode())[:32]}.toml"
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as reply:
            data = reply.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        if not path.exists():
            raise RemoteError(f"registry {url[:200]} cannot be fetched: {error}", "Check the address.") from None
        warnings.warn(f"{url} cannot be reached; using the copy that was fetched last", stacklevel=2)
        return path
    if len(data) > LARGEST:
        raise ReleaseError(f"registry {url[:200]} has more than {LARGEST:,} bytes")
    trial = path.with_suffix(".new.toml")
    write_atomically(trial, data)
    local = next((entry for entry in parse_registry(data, trial) if entry.source.startswith("dir:")), None)
    if local is not None:
        raise ReleaseError(f"{url[:200]}: {local.name} names a folder of its own machine", "Use hub: sources there.")
    os.replace(trial, path)
    return path


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
