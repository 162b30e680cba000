"""The matrix of all pairs of strategies, as Markdown: `python tests/strategy_matrix.py > docs/appendix/strategy-matrix.md`."""

from __future__ import annotations

import re
from itertools import combinations

from helpers import autoencoder

import zoo
from zoo import plugins
from zoo.errors import TransferError
from zoo.transfers.apply import explain
from zoo.transfers.beginning import begins_with_gan
from zoo.transfers.strategies import resolve_strategies

HEAD = """---
search:
  exclude: true
---

# Pairs of strategies

*Generated page: `python tests/strategy_matrix.py` writes it, and `tests/test_pairs_of_strategies.py` trains every pair.*

- `yes` means that you can combine the two strategies.
- The name of a slot means that both strategies fill this slot. Zoo refuses the pair before it computes anything.
- `codes` means that one strategy trains a GAN on latent codes and the other needs images.

A third strategy does not change whether two strategies can be combined. `pixel-finetune` goes on from a trained GAN, and is
not in the table; nor are `class-prior` (slot `prior`), `class-embedding`, `class-normalisation` and `class-projection` (they wrap any
network) and `class-auxiliary` (two losses), which need classes.

"""


def names() -> list[str]:
    """Every strategy's short name."""
    return sorted(registered.component.name for registered in plugins.components("transfer"))


def paired() -> list[str]:
    """Those that transfer from an autoencoder of any images into a fresh GAN: neither `pixel-finetune`
    (tests/test_pixel_finetune.py) nor those that need classes (tests/test_classes.py)."""
    others = [name for name in names() if begins_with_gan(resolve_strategies(name)) or name.startswith("class-")]
    return [name for name in names() if name not in others]


def verdicts() -> dict[tuple[str, str], str]:
    """For each pair `yes`, or the reason why it is refused."""
    source = autoencoder("mlp", device="meta")
    gan = zoo.gan(like=source, device="meta")
    results = {}
    for pair in combinations(paired(), 2):
        try:
            explain(source, gan, "+".join(pair))
            results[pair] = "yes"
        except TransferError as error:
            results[pair] = _slot(pair, error.message)
    return results


def _slot(pair: tuple[str, str], message: str) -> str:
    slot = re.search(r"slot '(\w+)'", message)
    if slot is None or not all(name in message for name in pair):
        raise AssertionError(f"{pair} are refused without naming both and the slot: {message}")
    return "codes" if slot[1] == "task" else slot[1]


def page() -> str:
    """The page."""
    rows, results = paired(), verdicts()
    lines = [f"| | {' | '.join(f'`{name}`' for name in rows)} |", "|" + "---|" * (len(rows) + 1)]
    for row in rows:
        cells = ["-" if row == name else results[min(row, name), max(row, name)] for name in rows]
        lines.append(f"| `{row}` | {' | '.join(cells)} |")
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
