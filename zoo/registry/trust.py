"""What vouches for a release: a registry that pins it, a signature, a commit on the Hub, or nothing but its own
digests; and whether that is enough for the user's policy."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo._utils.text import sanitize
from zoo.errors import IntegrityError, ReleaseError
from zoo.registry.index import Layer, is_bundled, layers
from zoo.registry.policy import BUNDLED, Policy, policy_file, read_policy
from zoo.release.folder import read_manifest_bytes
from zoo.release.names import pin_of
from zoo.release.snapshots import repository_of

__all__ = ["Trust", "require_trust", "tell_trust", "trust_of"]

_told: set[Path] = set()
"""The folders of which it was printed in this process that nothing vouches for them."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What vouches for a release: the `registry` file that pins it, the `signer` of the user's policy who signed it,
    the `commit` on the Hub, `hub:org/name@<commit>`, that it was pulled from. Each may be None or empty. `allowed`:
    whether that is enough for the policy."""

    registry: Path | None = None
    signer: str = ""
    commit: str = ""
    allowed: bool = True

    def __str__(self) -> str:
        signed = f", signed by {self.signer}" if self.signer else ""
        if self.registry is not None:
            return f"a pin in the registry {self.registry}{signed}"
        if self.commit:
            return f"the commit {self.commit}{signed or ', and no registry pins it'}"
        return f"its own digests{signed}" if signed else "its own digests alone, which show damage and not who made it"


def trust_of(folder: Path) -> Trust:
    """What vouches for the release in a folder. A signature is compared with the keys of the user's policy, if no
    registry of the policy pins the release.

    A registry vouches for the very bytes of a manifest, which pins all others; one that is invalid or has expired
    vouches for nothing. Raises OSError, ConfigError for a policy or a key that cannot be used, and RemoteError if a
    signature on the Hub cannot be looked up.
    """
    policy = read_policy()
    pin = pin_of(read_manifest_bytes(folder))
    pinning = [layer for layer in layers() if any(entry.manifest == pin for entry in layer.entries)]
    counted = [layer for layer in pinning if policy is None or _counts(layer, policy)]
    signer = _signer(folder, policy.keys) if policy is not None and not counted else ""
    registry = next((layer.path for layer in counted or pinning), None)
    return Trust(registry, signer, repository_of(folder), policy is None or bool(counted or signer))


def require_trust(folder: Path, name: str) -> None:
    """Check the release in a folder against the user's policy, if there is one. Raises ReleaseError, naming it, if the
    policy asks for more than vouches for it, ConfigError for a policy that cannot be read, and like `trust_of`."""
    policy = read_policy()
    if policy is not None and not (trust := trust_of(folder)).allowed:
        raise ReleaseError(
            f"{name} is not loaded: {policy_file()} allows {policy}; this one has {trust}",
            "If you trust it, name it in one of these registries (zoo registry add), or its signer there.",
        )


def tell_trust(folder: Path, name: str) -> None:
    """Print on stderr, once a process, that nothing but its own digests vouches for the release `name`."""
    place = folder.resolve()
    if place in _told:
        return
    _told.add(place)
    trust = trust_of(folder)
    if trust.registry is None and not trust.commit and not trust.signer:
        print(sanitize(f"note: nothing but its own digests vouches for {name} (zoo info {name})"), file=sys.stderr)


def _counts(layer: Layer, policy: Policy) -> bool:
    bundled = BUNDLED in policy.registries and is_bundled(layer)
    return bundled or layer.path.resolve() in policy.files


def _signer(folder: Path, keys: Mapping[str, Path]) -> str:
    """The first signer whose key the release's signature holds for; empty if it has none or it holds for none."""
    from zoo.remote.signing import check_signature

    for name, key in keys.items():
        try:
            check_signature(folder, key)
        except IntegrityError:
            continue
        except ReleaseError:
            return ""  # it is not signed
        return name
    return ""
