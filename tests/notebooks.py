"""The notebooks of the docs: `python tests/notebooks.py` runs their cells and writes what they show into them.

`test_docs.py` runs the cells and checks that each shows something, here and in the file.
"""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from typing import Any

__all__ = ["NOTEBOOKS", "run_cell", "shown"]

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"


def run_cell(code: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; gives what its last line is."""
    *lines, last = ast.parse(code).body
    exec(compile(ast.Module(lines, []), "cell", "exec"), names)
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def shown(value: Any) -> dict[str, Any]:
    """What a notebook keeps of a cell's value: a picture, a page or both, and a line of text."""
    data: dict[str, Any] = {"text/plain": [f"<{type(value).__name__}>"]}
    if html := getattr(value, "_repr_html_", lambda: None)():
        data["text/html"] = html.splitlines(keepends=True)
    if png := getattr(value, "_repr_png_", lambda: None)():
        data["image/png"] = base64.b64encode(png).decode()
    return data


def write_outputs(path: Path) -> None:
    """Run a notebook and write its outputs into it."""
    book = json.loads(path.read_text("utf-8"))
    names: dict[str, Any] = {}
    count = 0
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            data = shown(run_cell("".join(cell["source"]), names))
            result = {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}
            cell |= {"execution_count": count, "outputs": [result]}
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        write_outputs(notebook)
