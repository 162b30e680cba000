"""Modules whose names are imported on first use, from one list that type checkers read too."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["attach"]


def attach(module: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` for a module that imports names of zoo inside `if TYPE_CHECKING:`.

    The imports are read from the module's source, so that they are written once. `__all__` is every name that the
    module imports from zoo, there or outside the block.
    """
    lazy: dict[str, str] = {}
    exported: set[str] = set()
    for statement in ast.parse(Path(file).read_text("utf-8")).body:
        for node in statement.body if isinstance(statement, ast.If) else [statement]:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zoo.") and node.module != __name__:
                exported |= {alias.name for alias in node.names}
                if node is not statement:
                    lazy |= {alias.name: str(node.module) for alias in node.names}

    def get(name: str) -> Any:
        if name not in lazy:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(importlib.import_module(lazy[name]), name)

    return get, lambda: sorted({*vars(sys.modules[module]), *lazy}), sorted(exported)
