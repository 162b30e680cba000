"""The results of suites as they are published: a folder each with table, recipes and pictures, and one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo.plugin import write_atomically
from zoo_bench.compare import compare
from zoo_bench.report import curves_png, markdown, read_stored

__all__ = ["page_text", "store", "write_page"]

_HEAD = """# Results

`zoo bench report` writes this page from the tables in `results/`. Every row of a table names the complete recipe of its
run, which is in the same folder. `zoo bench results/SUITE/suite.toml` repeats all runs of a suite. KID is unbiased: for
equal distributions it is 0 on average. If a logarithm is taken, values below 0.001 count as 0.001. The p values are
those of paired sign-flip permutation tests on the logarithm of the last KID; five pairs cannot give less than 0.0625.
"""


def store(folders: Sequence[Path], out: Path) -> Path:
    """Copy each suite's table, recipes and settings into `out/<its name>` and write `RESULTS.md` next to `out`."""
    copies = []
    for folder in folders:
        stored = read_stored(folder)
        target = out / stored.suite.name
        if target.resolve() != folder.resolve():
            used = {row.recipe[:16] for row in stored.rows}
            for path in [folder / "table.csv", folder / "suite.toml", *sorted((folder / "recipes").glob("*.toml"))]:
                if path.parent.name != "recipes" or path.stem in used:
                    write_atomically(target / path.relative_to(folder), path.read_bytes())
        copies.append(target)
    return write_page(copies, out.parent, out.parent / "RESULTS.md")


def write_page(folders: Sequence[Path], base: Path, path: Path) -> Path:
    """Draw each suite's curves into its folder and write the page `path`, whose links are relative to `base`."""
    for folder in folders:
        stored = read_stored(folder)
        for one in compare(stored.rows, stored.suite.baseline):
            for metric in ("kid", "recall"):
                picture = curves_png(stored.rows, one.data, one.architecture, metric)
                write_atomically(folder / f"{one.data}-{one.architecture}-{metric}.png", picture)
    write_atomically(path, page_text(folders, base).encode())
    return path


def page_text(folders: Sequence[Path], base: Path) -> str:
    """The page: `summary.md` next to the suites' folders first, if there is one, then suite after suite, each with the
    `notes.md` of its folder, if there is one."""
    parts = [_HEAD]
    summary = folders[0].parent / "summary.md"
    if summary.is_file() and folders[0].resolve() != base.resolve():
        parts.append(summary.read_text("utf-8").strip() + "\n")
    for folder in folders:
        inside = folder.resolve().relative_to(base.resolve()).as_posix()
        notes = folder / "notes.md"
        parts.append(markdown(read_stored(folder), "" if inside == "." else f"{inside}/"))
        parts += [notes.read_text("utf-8").strip() + "\n"] if notes.is_file() else []
    return "\n".join(parts)
