"""The lock file has everything that CI installs, with hashes, in versions that the projects ask for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXTRAS = ("test", "docs", "lint")


def locked() -> dict[str, list[str]]:
    """The versions of each distribution in the lock, which has a hash for every one of them."""
    versions: dict[str, list[str]] = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / ".ci/requirements.lock").read_text().strip()):
        name, version = re.match(r"([A-Za-z0-9._-]+)==([^\s;]+)", entry).groups()  # type: ignore[union-attr]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name} has no hash"
        versions.setdefault(canonicalize_name(name), []).append(version)
    return versions


def asked() -> Iterator[Requirement]:
    """What the project, with the extras of CI, and the plugins ask for, but for each other."""
    projects = [tomllib.loads(path.read_text())["project"] for path in (ROOT / "pyproject.toml", *plugins())]
    own = {canonicalize_name(project["name"]) for project in projects}
    extras = [text for name in EXTRAS for text in projects[0]["optional-dependencies"][name]]
    for text in (*extras, *(text for project in projects for text in project["dependencies"])):
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) not in own:
            yield requirement


def plugins() -> list[Path]:
    return sorted((ROOT / "plugins").glob("*/pyproject.toml"))


def test_everything_that_is_asked_for_is_locked_in_a_version_that_does() -> None:
    versions = locked()
    wrong = [
        str(one)
        for one in asked()
        if not all(
            one.specifier.contains(version) for version in versions.get(canonicalize_name(one.name), ["0.0.0.dev0"])
        )
    ]
    assert not wrong, f"run .ci/lock: {wrong}"


def test_the_lock_is_of_ci_and_its_own_distributions_are_not_in_it() -> None:
    assert not [name for name in locked() if name.startswith("zoo-") or name == "aegan-zoo"]
    assert "--require-hashes -r .ci/requirements.lock" in (ROOT / ".ci/run").read_text()
