"""The generated parts of docs/: `python tests/generated_docs.py` writes them, `test_generated_docs.py` checks that they are
current.

A generated part is between `<!-- generated: WHAT -->` and `<!-- end -->`:
settings KIND NAME    a component's settings, from its config class
cost NAME             a strategy's time, from benchmarks/strategy_cost.csv
strategies            the table of all strategies, from their pages
thresholds            KID of images that decoders draw from fitted priors, from benchmarks/auto_thresholds.csv
checks                what the conformance kit checks, by kind of component
targets WHICH         the bridges from the bundled autoencoder to other networks: generators, discriminators
The pictures of strategies are docs/strategies/images/NAME.svg, those of contracts docs/images/contracts/NAME.svg, and the
diagrams of the first pages docs/images/diagrams/NAME.svg.
"""

from __future__ import annotations

import csv
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import contract_pictures
import page_pictures
import strategy_pictures
import target_matrix

from zoo import plugins
from zoo.config import settings_of
from zoo.testing.conformance.components import COMPONENT_CHECKS
from zoo.testing.conformance.kinds import CONFORMANCE
from zoo.testing.conformance.modules import FORWARD_CHECKS, STATE_CHECKS

__all__ = ["CONTRACTS", "DIAGRAMS", "DOCS", "PICTURES", "costs", "generated", "names", "pages"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PICTURES = DOCS / "strategies" / "images"
CONTRACTS = DOCS / "images" / "contracts"
DIAGRAMS = DOCS / "images" / "diagrams"
COSTS = ROOT / "benchmarks" / "strategy_cost.csv"

THRESHOLDS = ROOT / "benchmarks" / "auto_thresholds.csv"

_PART = re.compile(r"<!-- generated: ([^\n]+) -->\n.*?<!-- end -->", re.DOTALL)


def names() -> list[str]:
    """The short names of all bundled strategies, in the order of their plugins."""
    offers = plugins.components("transfer")
    return [registered.component.name for registered in offers if registered.plugin.distribution in plugins.BUNDLED]


def pages() -> Iterator[Path]:
    """The pages with a generated part."""
    yield from (page for page in sorted(DOCS.rglob("*.md")) if _PART.search(page.read_text("utf-8")))


def generated(text: str) -> str:
    """The text of a page with every generated part computed again."""

    def part(found: re.Match[str]) -> str:
        verb, *words = found[1].split()
        return f"<!-- generated: {found[1]} -->\n{_VERBS[verb](*words)}\n<!-- end -->"

    return _PART.sub(part, text)


def costs() -> dict[str, dict[str, str]]:
    """The measured cost of each strategy, by its name."""
    with COSTS.open(encoding="utf-8", newline="") as file:
        return {row["strategy"]: row for row in csv.DictReader(file)}


def _settings(kind: str, name: str) -> str:
    cls = plugins.config_class(plugins.find_component(kind, name))
    rows = settings_of(cls)
    if not rows:
        return "It has no settings."
    table = [f"| `{row.name}` | {_cell(row.type)} | `{row.default}` |" for row in rows]
    summary = " ".join((inspect.getdoc(cls) or "").split())
    return "\n".join([summary, "", "| setting | type | default |", "|---|---|---|", *table])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _cost(name: str) -> str:
    row = costs().get(name)
    if row is None:
        return "Not measured yet."
    once = f" Before the first step it needs {float(row['once']):.1f} s." if float(row["once"]) >= 1 else ""
    return f"A training step takes {row['ratio']} times as long as scratch's (quartiles over rounds: {row['low']} to {row['high']}).{once}"


def _strategies() -> str:
    table = ["| strategy | transfers | time per step |", "|---|---|---:|"]
    measured = costs()
    for name in names():
        text = (DOCS / "strategies" / f"{name}.md").read_text("utf-8")
        transfers = re.search(r"^- Transfers: (.*)\.$", text, re.MULTILINE)
        cost = measured[name]["ratio"] if name in measured else ""
        table.append(f"| [{name}](strategies/{name}.md) | {transfers[1] if transfers else ''} | {cost} |")
    return "\n".join(table)


def _thresholds() -> str:
    with THRESHOLDS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    counts = sorted({int(row["n"]) for row in rows} - {0})
    head = [
        "autoencoder",
        "images",
        "error / variance",
        "gap to N(0, I)",
        "N(0, I)",
        *(f"{n:,} images" for n in counts),
        "real images",
    ]
    table = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * (len(head) - 2)]
    for source, images in dict.fromkeys((row["source"], row["images"]) for row in rows):
        here = [row for row in rows if (row["source"], row["images"]) == (source, images)]
        kid = {(int(row["n"]), row["prior"]): row["kid"] for row in here}
        cells = [f"{kid[n, 'gaussian']} / {kid[n, 'mixture']}" if (n, "mixture") in kid else "" for n in counts]
        facts = [source, images, here[0]["error"], here[0]["gap"], kid[0, "N(0, I)"], *cells, here[0]["floor"]]
        table.append(f"| {' | '.join(facts)} |")
    return "\n".join(table)


def _targets(which: str) -> str:
    return {"generators": target_matrix.generators, "discriminators": target_matrix.discriminators}[which]()


def _checks() -> str:
    """A list for what several kinds share, and one for each kind: a check's name and the first sentence about it."""
    shared = {
        "every component": COMPONENT_CHECKS,
        "every network and prior": STATE_CHECKS,
        "every network and bottleneck": FORWARD_CHECKS,
    }
    lists, listed = [], set()
    for what, checks in shared.items():
        lists.append((what, [check for check in checks if check not in listed]))
        listed |= set(checks)
    for kind, of_kind in CONFORMANCE.items():
        lists.append((f"a component of the kind `{kind}`", [check for check in of_kind.checks if check not in listed]))
    return "\n\n".join(f"For {what}:\n\n" + "\n".join(map(_check, checks)) for what, checks in lists)


def _check(check: Callable[..., None]) -> str:
    first = re.split(r"(?<=\.)\s", " ".join((check.__doc__ or "").split()))[0]
    return f"- *{check.__name__.replace('_', ' ')}*: {first}"


_VERBS: dict[str, Callable[..., str]] = {
    "checks": _checks,
    "settings": _settings,
    "cost": _cost,
    "strategies": _strategies,
    "targets": _targets,
    "thresholds": _thresholds,
}


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for strategy in names():
        (PICTURES / f"{strategy}.svg").write_text(strategy_pictures.picture(strategy), "utf-8")
    CONTRACTS.mkdir(exist_ok=True)
    for contract in contract_pictures.CONTRACTS:
        (CONTRACTS / f"{contract}.svg").write_text(contract_pictures.contract_picture(contract), "utf-8")
    DIAGRAMS.mkdir(exist_ok=True)
    for diagram, drawn in page_pictures.DIAGRAMS.items():
        (DIAGRAMS / f"{diagram}.svg").write_text(drawn(), "utf-8")
    for page in pages():
        page.write_text(generated(page.read_text("utf-8")), "utf-8")
