"""The docs: what they show runs, what they name exists. `zensical build --strict` (in .ci/run) checks their links."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import zoo
from zoo.cli import zoo as program

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
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


@pytest.mark.parametrize("name", ["look-at-a-release", pytest.param("transfer", marks=pytest.mark.long)])
def test_a_notebook_runs_and_its_cells_show_something(name: str) -> None:
    held: dict[str, Any] = {}
    cells = json.loads((DOCS / "notebooks" / f"{name}.ipynb").read_text("utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            shown = run_cell("".join(cell["source"]), held)
            assert any(getattr(shown, f"_repr_{kind}_", lambda: None)() for kind in ("html", "png")), cell["source"]


def run_cell(code: str, held: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; gives what its last line is."""
    *lines, last = ast.parse(code).body
    exec(compile(ast.Module(lines, []), "cell", "exec"), held)
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), held)


@pytest.mark.long
def test_the_walk_through_of_your_own_images_goes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    held: dict[str, Any] = {}
    text = (DOCS / "your-images.md").read_text("utf-8")
    ran = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE):
        if language == "python":
            exec(compile(block, "your-images.md", "exec"), held)
            continue
        if language == "text":  # what was printed
            continue
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            words = shlex.split(line.split("  #")[0])
            if words[:1] == ["zoo"] and words[1] not in ("push", "ui", "resume"):
                short = [re.sub(r"^\d{4,}$", "640", re.sub(r"=\d{4,}$", "=320", word)) for word in words[1:]]
                done = CliRunner().invoke(program, short)
                assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception}"
                ran.append(words[1])
    assert {"transfer", "sample", "evaluate", "release", "verify"} <= set(ran)
