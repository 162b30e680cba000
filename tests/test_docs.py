"""The docs: what they show runs, what they name exists. `zensical build --strict` (in .ci/run) checks their links."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from notebooks import NOTEBOOKS, run_cell, shown

import zoo

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SLOW = ("transfer", "my-folder")
APART = {"write-a-plugin.md"}
"""Pages whose blocks are run by a test of their own."""


def python_blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


PAGES = [page for page in sorted(DOCS.glob("*.md")) if python_blocks(page) and page.name not in APART]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_as_printed(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held: dict[str, Any] = {}
    for block in python_blocks(page):
        exec(compile(block, page.name, "exec"), held)


def test_every_page_is_one_of_at_most_25_in_the_navigation_or_behind_the_reference() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
    named = re.findall(r'"([\w/-]+\.md)"', json.dumps(site["nav"]))
    assert len(named) == len(set(named)) <= 25
    linked = set(re.findall(r"\]\(([\w/-]+\.md)", (DOCS / "reference.md").read_text("utf-8")))
    pages = {page.relative_to(DOCS).as_posix() for page in (*DOCS.glob("*.md"), *(DOCS / "appendix").glob("*.md"))}
    assert pages == set(named) | linked


def test_every_test_that_the_strategies_page_names_exists() -> None:
    named = re.findall(r"`(test_\w+)::(test_\w+)`", (DOCS / "appendix" / "strategy-tests.md").read_text("utf-8"))
    assert len(named) > 50
    for module, name in named:
        defined = ast.parse((ROOT / "tests" / f"{module}.py").read_text("utf-8")).body
        assert name in {part.name for part in defined if isinstance(part, ast.FunctionDef)}, f"{module}::{name}"


def test_every_strategy_is_on_the_page_of_its_tests() -> None:
    """By its name, in a heading or in the text."""
    text = (DOCS / "appendix" / "strategy-tests.md").read_text("utf-8")
    for page in (DOCS / "strategies").glob("*.md"):
        assert re.search(rf"\b{page.stem}\b", text), page.stem


def test_every_public_name_is_on_the_api_page() -> None:
    text = (DOCS / "api.md").read_text("utf-8")
    listed = set(re.findall(r"^::: [\w.]+\.(\w+)$", text, flags=re.MULTILINE))
    assert set(zoo.__all__) - {"__version__"} <= listed
    for path in re.findall(r"^::: ([\w.]+)$", text, flags=re.MULTILINE):
        module, _, name = path.rpartition(".")
        assert getattr(__import__(module, fromlist=[name]), name).__doc__, path


@pytest.mark.parametrize("name", ["look-at-a-release", *(pytest.param(n, marks=pytest.mark.long) for n in SLOW)])
def test_a_notebook_runs_and_its_cells_show_something(name: str) -> None:
    held: dict[str, Any] = {}
    for cell in code_cells(NOTEBOOKS / f"{name}.ipynb"):
        assert len(shown(run_cell("".join(cell["source"]), held))) > 1, cell["source"]


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_has_its_outputs_and_uses_the_public_interface(path: Path) -> None:
    for cell in code_cells(path):
        [output] = cell["outputs"]
        assert {"text/html", "image/png"} & set(output["data"]), cell["source"]
        imported = re.findall(r"^(?:from|import) (zoo[\w.]*)", "".join(cell["source"]), flags=re.MULTILINE)
        assert set(imported) <= {"zoo", "zoo.plugin"}


def code_cells(path: Path) -> list[dict[str, Any]]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]
