"""Tables of strangers, as data to learn from: texts and parquet."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from attack.arena import Action, Family
from attack.damage import damage_bytes, damage_text
from attack.judge import command
from zoo.data.config import DataConfig
from zoo.data.open import open_data

__all__ = ["RECORDS"]

_FILES = ("sold.csv", "sold.tsv", "sold.parquet")
_CELLS = (
    "",
    "nan",
    "inf",
    "-1e999",
    "1e308",
    "2026-13-45",
    "=cmd()",
    "\x1b[2J",
    "x" * 70_000,
    "\u202e",
    '"',
    "\x00",
    "9" * 400,
)
_HEADERS = ("cut,cut,price", ",,", "cut", "cut,price," + ",".join(f"c{n}" for n in range(3_000)), "\x1b[31mcut,a,b")


def _make(place: Path) -> None:
    rng = random.Random(0)
    rows = [(rng.choice(("Ideal", "Fair")), rng.randrange(300, 9_000), f"{rng.uniform(0.2, 3):.2f}") for _ in range(80)]
    for name, sign in (("sold.csv", ","), ("sold.tsv", "\t")):
        lines = [sign.join(map(str, row)) for row in (("cut", "price", "carat"), *rows)]
        (place / name).write_text("\n".join(lines) + "\n")
    columns = pyarrow.csv.read_csv(place / "sold.csv")
    pyarrow.parquet.write_table(columns, place / "sold.parquet")


def _damage(place: Path, rng: random.Random) -> str:
    """A cell, the header, letters or bits of one of the files; of parquet bits, or other types."""
    path = place / rng.choice(_FILES)
    kind = rng.choice(("cell", "header", "letters", "bits"))
    if path.suffix == ".parquet":
        kind = rng.choice(("bits", "types"))
    if kind == "bits":
        path.write_bytes(damage_bytes(path.read_bytes(), rng))
    elif kind == "letters":
        path.write_text(damage_text(path.read_text(), rng))
    elif kind == "types":
        odd: tuple[Any, ...] = ([b"\xff", None], [[1], [2, 3]], [{"a": 1}, None], [1e400, float("nan")], [True, None])
        pyarrow.parquet.write_table(pa.table({"cut": ["a", "b"], "odd": pa.array(rng.choice(odd))}), path)
    else:
        lines = path.read_text().splitlines()
        sign = "\t" if path.suffix == ".tsv" else ","
        if kind == "header":
            lines[0] = rng.choice(_HEADERS).replace(",", sign)
        else:
            cells = lines[rng.randrange(1, len(lines))].split(sign)
            cells[rng.randrange(len(cells))] = rng.choice(_CELLS)
            lines[rng.randrange(1, len(lines))] = sign.join(cells)
        path.write_text("\n".join(lines) + "\n")
    return f"{kind} of {path.name}"


def _open_all(place: Path) -> Any:
    opened = [open_data(DataConfig(str(place / name))) for name in _FILES]
    return [images.batch(rows).tolist() for images in opened for rows in (images.train, images.held_out)]


def _action(rng: random.Random) -> tuple[str, Action]:
    if rng.random() < 0.5:
        return "open", _open_all
    name = rng.choice(_FILES)
    return f"zoo table {name}", command("table", f"{{}}/{name}")


RECORDS = Family("records", _make, _damage, _action)
