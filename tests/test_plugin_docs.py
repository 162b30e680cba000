"""The pages for plugin authors: code blocks run in order, and every hook and every name of zoo.plugin is listed."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from loopback import environment, hub

import zoo.plugin
from zoo.plugins import hookspecs
from zoo.types import KINDS

PAGE = Path(__file__).parents[1] / "docs" / "write-a-plugin.md"
BLOCK = re.compile(r"^```(sh|python)(?: title=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_block_runs_in_order(tmp_path: Path) -> None:
    plugin = tmp_path / "zoo-ring"
    with hub(tmp_path / "store") as server:
        run_page(tmp_path, plugin, environment(server.url, tmp_path / "hf"))
        repository = server.hub.store.find("model", "ann/ring-digits")
        assert repository is not None
        assert set(repository.tags) == {"v0.1.0"}


def run_page(tmp_path: Path, plugin: Path, variables: dict[str, str]) -> None:
    """Every block of the page, in a Hub's company."""
    variables["PYTHONPATH"] = f"{tmp_path / 'site'}{os.pathsep}{plugin}"

    def run(*words: str) -> None:
        done = subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-1500:]}{done.stderr[-1500:]}"

    blocks = BLOCK.findall(PAGE.read_text("utf-8"))
    assert len(blocks) >= 7
    for language, title, code in blocks:
        if title:
            (plugin / title).write_text(code)
        elif language == "python":
            run("-c", code)
        else:
            for line in code.splitlines():
                words = shlex.split(line)
                if words == ["pip", "install", "-e", "zoo-ring"]:
                    install(plugin, tmp_path / "site")
                else:
                    assert words[0] == "zoo", line
                    run("-m", *words)
    run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(plugin / "tests" / "test_sizes.py"))


def install(folder: Path, site: Path) -> None:
    """What an installer would leave, without running one."""
    info = site / "zoo_ring-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo-ring\nVersion: 0.1.0\n")
    entry = re.search(r'^\[project.entry-points."zoo.plugins"\]\n(.*)$', (folder / "pyproject.toml").read_text(), re.M)
    assert entry is not None
    (info / "entry_points.txt").write_text(f"[zoo.plugins]\n{entry[1]}\n".replace('"', ""))


def test_every_hook_is_named_with_its_exact_signature() -> None:
    text = PAGE.read_text("utf-8")
    hooks = [name for name in hookspecs.__all__ if name.startswith("zoo_")]
    assert hooks
    for name in hooks:
        signature = f"{name}{inspect.signature(getattr(hookspecs, name))}".replace("'", "")
        assert f"`{signature}`" in text, signature


def test_every_kind_of_component_is_in_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"`{kind}`" in text for kind in KINDS)


def test_every_name_of_zoo_plugin_is_listed_once() -> None:
    text = (PAGE.parent / "zoo-plugin.md").read_text("utf-8")
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    listed = [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(listed) == sorted(zoo.plugin.__all__)
