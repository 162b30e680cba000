"""Whom a user trusts: `trust.toml` in the folder of the user's settings. Without that file everything may be loaded.

format = 1
registries = ["bundled", "/srv/zoo/registry.toml", "https://lab.example/registry.toml"]

[signers]
ann = "ann.pub"                             # public keys (PEM), relative to this file

A release may be loaded if one of these registries pins it, or one of these signers signed it. `bundled` means the
registries that come with Zoo and its plugins, and is what counts if `registries` is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo._utils.files import read_regular
from zoo._utils.strict_toml import parse_toml
from zoo.config import from_plain
from zoo.errors import ConfigError
from zoo.registry.fetch import place_of
from zoo.registry.index import user_registry

__all__ = ["BUNDLED", "Policy", "policy_file", "read_policy"]

BUNDLED = "bundled"
_FILE = "trust.toml"
_LARGEST = 100_000


@dataclass(frozen=True, slots=True)
class Policy:
    """The registries (`bundled`, paths, addresses) and the signers (name: public key) of whose releases nothing else is
    asked. Raises ConfigError for another format."""

    format: int = 1
    registries: tuple[str, ...] = (BUNDLED,)
    signers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format != 1:
            raise ConfigError(f"{policy_file()}: format {self.format} is unknown", "Write 1, or upgrade Zoo.")
        if not self.registries and not self.signers:
            raise ConfigError(
                f"{policy_file()} names neither registries nor signers", 'Write registries = ["bundled"].'
            )

    @property
    def files(self) -> frozenset[Path]:
        """The registry files that it names; of an address, the copy that was fetched."""
        return frozenset(_file(named) for named in self.registries if named != BUNDLED)

    @property
    def keys(self) -> dict[str, Path]:
        """The public key of each signer."""
        return {name: _beside(key) for name, key in self.signers.items()}

    def __str__(self) -> str:
        pinned = f"releases that {' or '.join(self.registries)} pins" if self.registries else ""
        signed = f"releases that {' or '.join(self.signers)} signed" if self.signers else ""
        return " and ".join(filter(None, (pinned, signed)))


def policy_file() -> Path:
    """Where the policy is, if there is one."""
    return user_registry().with_name(_FILE)


def read_policy() -> Policy | None:
    """The user's policy; None if there is none. Raises ConfigError for one that cannot be read or is wrong: a policy
    that nobody can read does not mean that everything is allowed."""
    path = policy_file()
    try:
        plain = parse_toml(read_regular(path, _LARGEST), largest=_LARGEST)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "Mend it; nothing is loaded before.") from None
    return from_plain(Policy, plain, str(path))


def _file(named: str) -> Path:
    return place_of(named) if "://" in named else _beside(named)


def _beside(named: str) -> Path:
    return (policy_file().parent / Path(named).expanduser()).resolve()
