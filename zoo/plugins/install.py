"""The command that installs a distribution. Zoo and the plugins of its repository are installed from a checkout."""

from __future__ import annotations

import re
import shlex

from zoo.plugins.types import BUNDLED, CORE

__all__ = ["canonical", "install_command", "is_from_repository"]

_COMMANDS = ("zoo-bench", "zoo-export", "zoo-serve", "zoo-ui")
"""The other distributions of the repository, which bring commands instead of components."""


def install_command(*requirements: str) -> str:
    """`pip install` with what is required, each `name` or `name==version`; in a checkout of the repository for those
    that live there."""
    return " ".join(("pip install", *(shlex.quote(_argument(requirement)) for requirement in requirements)))


def is_from_repository(distribution: str) -> bool:
    """Whether a distribution is Zoo itself or one of the plugins of its repository."""
    return canonical(distribution) in (CORE, *BUNDLED, *_COMMANDS)


def canonical(distribution: str) -> str:
    """A distribution's name as pip compares it."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _argument(requirement: str) -> str:
    name = canonical(requirement.partition("==")[0])
    if not is_from_repository(name):
        return requirement
    return "." if name == CORE else f"./plugins/{name.removeprefix('zoo-')}"
