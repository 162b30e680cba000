"""Upper rows import lower rows, never the other way."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import zoo

ROWS = [
    {"cli"},
    {"scaffold", "testing"},
    {"training"},
    {"editing", "sampling"},
    {"transfers"},
    {"encoding"},
    {"losses", "metrics"},
    {"registry"},
    {"remote"},
    {"release"},
    {"networks"},
    {"report"},
    {"data"},
    {"plugins"},
    {"config", "types"},
    {"_utils"},
    {"errors"},
]
LEVEL = {name: i for i, row in enumerate(ROWS) for name in row}
DOORS = {"__init__", "__main__", "plugin"}


def test_the_table_for_contributors_has_these_rows_and_they_hold_every_module() -> None:
    table = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
    cells = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    assert [{name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)} for cell in cells] == ROWS
    modules = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules == set(LEVEL) | DOORS


ROOT = Path(zoo.__file__).parent
MODULES = {
    ".".join(("zoo", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imports(path: Path) -> set[str]:
    """The zoo modules that a file imports, also those that only a type checker sees."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in inside}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("zoo.")}


def test_no_module_imports_from_a_row_above_its_own() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        row = path.relative_to(ROOT).with_suffix("").parts[0]
        if row in DOORS:
            continue
        above = {name for name in imports(path) if LEVEL[name.split(".")[1]] < LEVEL[row]}
        assert not above, f"{path.relative_to(ROOT)} imports {above} from above"


def test_no_circle_of_imports() -> None:
    below = {name: imports(path) & set(MODULES) - {name, "zoo"} for name, path in MODULES.items() if name != "zoo"}
    while below:
        leaves = {name for name, needs in below.items() if not needs & set(below)}
        assert leaves, f"these import each other in a circle: {sorted(below)}"
        below = {name: needs for name, needs in below.items() if name not in leaves}


def test_the_top_of_the_package_is_small() -> None:
    assert len([path for path in ROOT.iterdir() if path.suffix == ".py"]) <= 8


def test_a_training_step_is_short_enough_to_teach_from() -> None:
    """Every function of the two trainers and of the optimizer has fewer than 50 lines, constructors aside."""
    for name in ("gan", "autoencoder", "optim", "schedule", "loop", "task"):
        tree = ast.parse((ROOT / "training" / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name != "__init__":
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines < 50, f"{name}.{node.name} has {lines} lines"


def test_the_core_names_no_bundled_plugin_in_its_code() -> None:
    for path in ROOT.rglob("*.py"):
        for package in ("zoo_mlp", "zoo_dcgan", "zoo_transfer", "zoo_starter"):
            assert package not in path.read_text("utf-8"), f"{path} knows {package}"
