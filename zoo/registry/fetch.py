"""Registries at URLs: fetched once per command, with a cached copy for use without a network."""

from __future__ import annotations

import ipaddress
import os
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo._utils.files import sha256_of, write_atomically
from zoo._utils.hash_cache import cache_folder
from zoo.errors import ConfigError, ReleaseError, RemoteError, without_passwords
from zoo.registry.edition import refuse_expired, refuse_rollback
from zoo.registry.file import LARGEST, parse_registry
from zoo.registry.parsed import read_file

__all__ = ["extra_registries", "fetch", "place_of"]

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

    Without a network, or while the server fails (5xx), the cached copy is used, with a warning; one that the server
    says is gone, or not ours to read, is not used any more. Every redirect must be an address that could be given.
    Raises ConfigError, RemoteError, ReleaseError for a file that is not a registry or that names a folder (a path means
    something else on each machine), or IntegrityError for one that expired or is older than the one fetched before.
    """
    _check_address(url)
    path = place_of(url)
    try:
        with urllib.request.build_opener(_CheckedRedirects).open(url, timeout=_TIMEOUT) as reply:
            data = reply.read(LARGEST + 1)
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and error.code < 500:
            raise RemoteError(
                f"registry {url[:200]} is not given: the server answers {error.code} {error.reason}",
                "Check the address; or leave this registry out.",
            ) from None
        if not path.exists():
            raise RemoteError(f"registry {url[:200]} cannot be fetched: {error}", "Check the address.") from None
        warnings.warn(f"{without_passwords(url)} cannot be reached; using the copy that was fetched last", stacklevel=2)
        return path
    if len(data) > LARGEST:
        raise ReleaseError(f"registry {url[:200]} has more than {LARGEST:,} bytes")
    file = parse_registry(data, path)
    refuse_expired(file.edition, url[:200])
    if path.exists():
        refuse_rollback(file.edition, read_file(path).edition, url, path)
    local = next((entry for entry in file.entries if entry.source.startswith("dir:")), None)
    if local is not None:
        raise ReleaseError(f"{url[:200]}: {local.name} names a folder of its own machine", "Use hub: sources there.")
    write_atomically(path, data)
    return path


def place_of(url: str) -> Path:
    """Where the registry at an address is kept."""
    return cache_folder() / "registries" / f"{sha256_of(url.encode())[:32]}.toml"


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to an https address, and from this machine also to this machine."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """The next request. Raises ConfigError for another address."""
        if urllib.parse.urlsplit(newurl).scheme != "https" and urllib.parse.urlsplit(req.full_url).scheme == "https":
            raise ConfigError(f"registry {req.full_url[:200]} sends on to {newurl[:200]!r}, which is not https")
        _check_address(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_address(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ConfigError(f"registry {url[:200]!r} is not an https address", "Give a path or https://...")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
