"""`gallery(out)`: self-contained pages, with styles, script and pictures inside."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.resources
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from zoo.plugin import ConfigError, DataError, models, open_regular, read_regular, sanitize, write_atomically
from zoo_ui.gallery.cards import card_of, derived_from, run_cards, strategy_pages

__all__ = ["gallery"]

_LARGEST = 20_000_000
_PAGES = ("index", "strategies", "results")
_GENERATOR = "zoo gallery"
_HEAD = 2_000
"""The `generator` of a page is within its first bytes."""


def gallery(
    out: str | Path, pattern: str = "*", *, results: str | Path | None = None, runs: str | Path | None = None
) -> list[Path]:
    """Write index.html, strategies.html, results.html and a page of each registered release whose name matches
    `pattern`; with `runs`, the folder of some, runs.html too.

    `results` is a .csv with a head, such as a suite's table; it is shown after the releases' own figures. A release
    that is not on this machine gets a card without pictures: nothing is pulled. Pages of an older gallery are replaced,
    other files are not. Returns the files. Raises ConfigError, ReleaseError, IntegrityError, DataError, StorageError.
    """
    out = Path(out)
    cards = [card_of(entry) for entry in models(pattern)]
    names = [*_PAGES, *(["runs"] if runs is not None else [])]
    for file in (*(f"{name}.html" for name in names), *(card.page for card in cards)):
        _check_may_replace(out / file)
    derived = derived_from(cards)
    cards = [replace(card, derived=derived.get(card.entry.name, ())) for card in cards]
    known = {card.entry.name for card in cards}
    strategies = strategy_pages()
    made = {page.name: [card.entry.name for card in cards if page.name in card.strategies] for page in strategies}
    head, rows = _table(Path(results)) if results is not None else ((), [])
    facts: dict[str, Any] = {
        "cards": cards,
        "known": known,
        "strategies": strategies,
        "strategy_names": {page.name for page in strategies},
        "made": made,
        "head": head,
        "rows": rows,
        "pages": names,
        "runs": run_cards(Path(runs)) if runs is not None else [],
    }
    pages = {f"{name}.html": _page(name, facts) for name in names}
    pages |= {card.page: _page("model", facts | {"card": card}) for card in cards}
    for file, text in pages.items():
        write_atomically(out / file, text.encode())
    return [out / file for file in pages]


def _check_may_replace(path: Path) -> None:
    """Raises ConfigError for a file that no gallery wrote."""
    if not os.path.lexists(path):
        return
    try:
        with open_regular(path) as file:
            generated = f'content="{_GENERATOR}"'.encode() in file.read(_HEAD)
    except OSError:
        generated = False
    if not generated:
        raise ConfigError(f"{path} is there, and no gallery wrote it", "Choose another folder, or move it away.")


def _page(name: str, facts: dict[str, Any]) -> str:
    pages = importlib.resources.files("zoo_ui.gallery").joinpath("pages")
    texts = {
        file.name: file.read_text("utf-8") for file in pages.iterdir() if file.name.endswith((".j2", ".css", ".js"))
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(texts),
        autoescape=True,
        finalize=_clean,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = lambda value: f"{value:.4f}" if abs(value) < 1 else f"{value:.1f}"
    script = texts["page.js"]
    pin = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(f"{name}.html.j2").render(
        page=name, style=texts["page.css"], script=script, script_pin=pin, generator=_GENERATOR, **facts
    )


def _clean(value: Any) -> Any:
    """A value as a page shows it; the pages' own style, script and drawings stay as they are."""
    return sanitize(value) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value


def _table(path: Path) -> tuple[Sequence[str], list[list[str]]]:
    """A .csv as head and rows, every row as long as the head."""
    try:
        text = read_regular(path, _LARGEST).decode("utf-8")
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table: {error}", "Give a .csv with a head.") from None
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise DataError(f"{path} is not a table: its rows are not as long as its head", "Give a .csv with a head.")
    return lines[0], lines[1:]
