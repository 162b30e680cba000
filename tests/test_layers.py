"""Upper rows import lower rows, never the other way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import zoo

ROWS = [
    {"cli"},
    {"scaffold"},
    {"testing"},
    {"conformance"},
    {"bench", "ui"},
    {"demo", "pipeline", "runs", "doctor", "gallery", "opened"},
    {"publish", "pairs"},
    {"hub"},
    {"training"},
    {"transfers"},
    {"objectives", "metrics", "data"},
    {"networks", "fits"},
    {"report"},
    {"registry", "registry_file", "release", "manifest", "tensors", "checked", "snapshots", "remote", "registry_edit"},
    {"plugins", "hookspecs"},
    {"protocols", "specs", "errors", "config", "files", "names", "plain", "frontmatter", "html", "visible"},
]
LEVEL = {name: i for i, row in enumerate(ROWS) for name in row}
EXEMPT = {"__init__", "__main__", "builtin"}


def test_the_table_for_contributors_has_these_rows_and_they_hold_every_module() -> None:
    root = Path(zoo.__file__).parent
    table = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert [{name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)} for cell in cells] == ROWS
    modules = {path.stem for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules == set(LEVEL) | EXEMPT


def imports(path: Path) -> set[str]:
    """The zoo modules that a file imports when it runs; what only type checkers see does not count."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} if node.module != "zoo" else {f"zoo.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in found if name.startswith("zoo.")}


def test_no_module_imports_from_a_row_above_its_own() -> None:
    root = Path(zoo.__file__).parent
    for path in sorted(root.rglob("*.py")):
        row = path.relative_to(root).with_suffix("").parts[0]
        if row in EXEMPT:
            continue
        above = {name for name in imports(path) if LEVEL[name] < LEVEL[row]}
        assert not above, f"{path.relative_to(root)} imports {above} from above"


def test_the_core_names_no_bundled_plugin_in_its_code() -> None:
    root = Path(zoo.__file__).parent
    for path in root.rglob("*.py"):
        for package in ("zoo_mlp", "zoo_dcgan", "zoo_transfer", "zoo_starter"):
            assert package not in path.read_text("utf-8"), f"{path} knows {package}"
