"""Python processes that Zoo starts import nothing from the working directory, which somebody else may have filled."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from helpers import released

from zoo._utils.child import python_child
from zoo.release.folder import read_manifest
from zoo.remote.push import prove

ROOT = Path(__file__).parents[1]
HOSTILE = "open({!r}, 'w').close()\n"


@pytest.fixture
def marker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What modules in the working directory write if they are imported."""
    here, marker = tmp_path / "here", tmp_path / "imported"
    here.mkdir()
    for module in ("click", "torch", "zoo", "msgspec", "colorsys"):
        (here / f"{module}.py").write_text(HOSTILE.format(str(marker)))
    monkeypatch.chdir(here)
    return marker


def run(*words: str) -> subprocess.CompletedProcess[str]:
    child = python_child(*words)
    return subprocess.run(child.command, env=child.environment, capture_output=True, text=True, timeout=100)


def test_a_child_imports_nothing_from_the_working_directory(marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import colorsys'])"
    monkeypatch.setenv("PYTHONPATH", f".{os.pathsep}{os.pathsep}{marker.parent / 'elsewhere'}")
    for code in ("import colorsys", "import click, zoo", grandchild):
        done = run("-c", code)
        assert done.returncode == 0, done.stderr
    assert not marker.exists()
    assert python_child().environment["PYTHONPATH"] == str(marker.parent / "elsewhere")


def test_the_proof_before_a_push_imports_nothing_from_the_working_directory(marker: Path, tmp_path: Path) -> None:
    folder = released(tmp_path / "release")
    prove(folder, read_manifest(folder))
    assert not marker.exists()


def test_python_is_started_in_one_place_alone() -> None:
    sources = [*(ROOT / "zoo").rglob("*.py"), *(ROOT / "plugins").rglob("zoo_*/**/*.py")]
    starting = [path.name for path in sources if re.search(r"\bsys\.executable\b", path.read_text("utf-8"))]
    assert starting == ["child.py"]


def test_a_child_gets_variables_besides_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_CACHE", "/somewhere")
    child = python_child("-c", "pass", HF_HUB_OFFLINE="1")
    assert child.environment["ZOO_CACHE"] == "/somewhere"
    assert child.environment["HF_HUB_OFFLINE"] == "1"
    assert child.command[1:] == ["-P", "-c", "pass"]
