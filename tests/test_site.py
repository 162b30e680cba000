"""The docs as a site: a broken link stops the build, and no default is shown as an object of a library."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest.importorskip("mkdocs_click", reason="pip install 'aegan-zoo[docs]'")


def build(copy: Path) -> subprocess.CompletedProcess[str]:
    """Build the docs in the folder `copy` as continuous integration does."""
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(copy / "site")]
    variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(words, cwd=copy, env=variables, capture_output=True, text=True, check=False)


def test_a_quiet_strict_build_passes_and_fails_for_a_broken_link(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for name in ("mkdocs.yml", ".ci/mkdocs_hooks.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    commands = (tmp_path / "site" / "cli.html").read_text("utf-8")
    assert "Sentinel" not in commands
    assert "<td>None</td>" in commands
    page = tmp_path / "docs" / "glossary.md"
    page.write_text(page.read_text("utf-8") + "\n[gone](no-such-page.md)\n", "utf-8")
    done = build(tmp_path)
    assert done.returncode == 1
    assert "no-such-page.md" in done.stderr
