"""RESULTS.md is what the stored tables say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from zoo_bench.results_page import page_text
from zoo_bench.suite import read_suite
from zoo_bench.table import read_table

from zoo.training.recipe import read_recipe

ROOT = Path(__file__).parent.parent
SUITES = sorted(path.parent for path in (ROOT / "results").glob("*/suite.toml"))


def test_the_page_is_written_from_the_tables() -> None:
    page = (ROOT / "RESULTS.md").read_text("utf-8")
    order = [ROOT / "results" / name for name in re.findall(r"Table: `(.+?)/table.csv`", page)]
    assert sorted(order) == SUITES
    assert page_text(order, ROOT) == page


@pytest.mark.parametrize("folder", SUITES, ids=lambda path: path.name)
def test_every_row_has_its_recipe_and_its_suite(folder: Path) -> None:
    suite = read_suite(folder / "suite.toml")
    rows = read_table(folder / "table.csv")
    assert {row.arm for row in rows if row.stage == "final"} <= set(suite.arms)
    recipes = {}
    for row in rows:
        if row.recipe not in recipes:
            recipes[row.recipe] = read_recipe(folder / "recipes" / f"{row.recipe[:16]}.toml")
        assert recipes[row.recipe].seed == row.seed
    for path in (folder / "recipes").glob("*.toml"):
        assert any(digest.startswith(path.stem) for digest in recipes)
