"""The docs as a site: a broken link stops the build, the commands and the API are in it, and search finds how-tos."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

pytest.importorskip("zensical", reason="pip install 'aegan-zoo[docs]'")
HOW_TO = ("your-images", "walks", "classes", "pretrained", "hub", "write-a-plugin", "many-machines")


def build(copy: Path) -> subprocess.CompletedProcess[str]:
    """Build the docs in the folder `copy` as continuous integration does."""
    words = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "mkdocs.yml"]
    return subprocess.run(words, cwd=copy, capture_output=True, text=True, check=False)


def test_a_strict_build_passes_and_fails_for_a_broken_link_or_anchor(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    done = build(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = (tmp_path / "site" / "cli.html").read_text("utf-8")
    assert "Sentinel" not in commands
    assert "--strategy TEXT" in commands
    assert "open_images" in (tmp_path / "site" / "api.html").read_text("utf-8")
    sections = json.loads((tmp_path / "site" / "search.json").read_text("utf-8"))["items"]
    found = [section["location"].partition(".html")[0] for section in sections]
    assert set(HOW_TO) <= set(found)
    assert not [
        name for name in found if name.startswith("appendix/") and name.endswith(("-matrix", "-tests", "targets"))
    ]
    page = tmp_path / "docs" / "glossary.md"
    whole = page.read_text("utf-8")
    for broken in ("no-such-page.md", "index.md#no-such-part"):
        page.write_text(f"{whole}\n[gone]({broken})\n", "utf-8")
        done = build(tmp_path)
        assert done.returncode == 1, broken
        said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
        assert broken.rpartition("#")[2] in said
