"""One bar for all files of a pull, in the client's own style, where a person looks; off where the client's are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["one_bar"]


@contextmanager
def one_bar(title: str, total: int) -> Iterator[type[Any]]:
    """What the client takes as the class of its bars: each file's is unseen and moves one of `total` bytes."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    settings = {"unit": "B", "unit_scale": True, "disable": None, "leave": False, "name": "zoo.pull"}
    with tqdm(total=total, desc=title, **settings) as whole:

        class Part(tqdm):
            """The bar of one file."""

            def __init__(self, *given: Any, **settings: Any) -> None:
                super().__init__(*given, **{**settings, "disable": True})

            def update(self, n: float | None = 1) -> None:
                whole.update(n)

        yield Part
