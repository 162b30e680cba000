"""Bundled plugins and examples use zoo.plugin alone, as every other plugin can; their tests use zoo.testing too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted([*ROOT.glob("plugins/*/zoo_*/**/*.py"), *ROOT.glob("examples/**/*.py")])
assert {"zoo_transfer", "zoo_serve", "zoo_example"} <= {name for path in MODULES for name in path.parts}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever the statement is."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_zoo_plugin_alone(path: Path) -> None:
    allowed = {"zoo.plugin", "zoo.testing"} if "tests" in path.relative_to(ROOT).parts else {"zoo.plugin"}
    assert {name for name in imported(path) if name.partition(".")[0] == "zoo"} <= allowed
