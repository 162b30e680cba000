"""Retired names and phrases do not come back: not in the docs and the README, not as names in the code.

`docs/glossary.md` defines the words that replace them. Strings in code are not checked: formats of files keep their keys.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [*sorted((ROOT / "zoo").rglob("*.py")), *sorted((ROOT / "plugins").rglob("*.py"))]

MODULES = ("zoo.protocols", "zoo/protocols", "zoo.specs", "zoo.hookspecs", "zoo.transfers.bridges")
NAMES = (
    # training
    *("AdversarialTrainee", "Trainee", "Staging", "Steering", "StabilityWatch", "Learner", "LossScale", "Steered"),
    *("_Hand", "_deal", "_Play", "_d_play", "_g_play", "_turn", "_whole", "_verdicts", "_pass_over", "_enrol", "enrol"),
    *("_due", "_carrying", "hold_to_memory", "lastword", "learnt_beside", "cut_into", "told_how_it_ends", "keep_freed"),
    *("make_room", "real_spread", "moved_to", "first_alone", "thaws"),
    # networks and losses
    *("Judgement", "realness", "fake_judgement", "real_judgement", "unfilled", "require_numbers", "refit"),
    # transfer
    *("promised", "told_apart", "look_at", "_granules", "Carried", "Moved"),
)
CODE_NAMES = {*NAMES, "found", "told", "held", "looks", "whose"}
"""As names in code the last ones meant several things; in prose they are plain English."""
PHRASES = (
    "stays as it is and gets the figures",
    "hand what it learnt",
    "hands what an autoencoder learnt",
    "got used to",
    "told once and left out",
    "in the judge's features",
    "to judge by",
    "rows to learn from",
    "before the game",
    "lies beside",
    "lie beside",
    "goes on where it was",
    "is told which",
    "what moves",
    "belongs into",
)


def retired_words(text: str) -> set[str]:
    """The retired modules, names and phrases in a text, in any distribution over lines."""
    plain = " ".join(text.split())
    names = {name for name in NAMES if re.search(rf"(?<![\w.]){name}\b", plain)}
    return names | {words for words in (*MODULES, *PHRASES) if words.lower() in plain.lower()}


def retired_names(path: Path) -> Iterator[str]:
    """The retired names that a file of code uses, with their lines."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME and token.string in CODE_NAMES:
                yield f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_has_no_retired_words(page: Path) -> None:
    assert not retired_words(page.read_text("utf-8"))


def test_the_code_has_no_retired_names() -> None:
    assert not [line for path in CODE for line in retired_names(path)]


def test_the_code_imports_no_retired_modules() -> None:
    retired = "|".join(re.escape(module) for module in MODULES if "/" not in module)
    pattern = re.compile(rf"^\s*(?:from|import) (?:{retired})\b", re.MULTILINE)
    assert not [str(path) for path in CODE if pattern.search(path.read_text("utf-8"))]


def test_retired_words_are_found(tmp_path: Path) -> None:
    """In any case and over the ends of lines; a longer name that contains a retired one is allowed."""
    page = "It returns a Judgement. What\nMoves, and what `zoo.specs` gives. A NotAJudgementAtAll is allowed."
    assert retired_words(page) == {"Judgement", "what moves", "zoo.specs"}
    code = tmp_path / "code.py"
    code.write_text('realness = {"realness": 1}  # promised\nunpromised = 2\n')
    with tokenize.open(code) as file:
        found = [
            t.string for t in tokenize.generate_tokens(file.readline) if t.type == tokenize.NAME and t.string in NAMES
        ]
    assert found == ["realness"]


def test_the_glossary_is_in_alphabetical_order() -> None:
    groups = (ROOT / "docs" / "glossary.md").read_text("utf-8").split("\n## ")[1:]
    assert len(groups) >= 5
    for group in groups:
        terms = [re.sub(r"\W", "", term).lower() for term in re.findall(r"^- \*\*(.+?)\*\*", group, re.MULTILINE)]
        assert terms == sorted(terms), group.partition("\n")[0]
        assert len(terms) == len(set(terms))
