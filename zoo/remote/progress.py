"""One progress bar for all files of a pull, in the client's own style; off if the client's bars are off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["one_bar"]


@contextmanager
def one_bar(title: str, total: int) -> Iterator[type[Any]]:
    """A class that the client can use for its bars: each file's bar is hidden and advances one bar of `total` bytes."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    settings = {"unit": "B", "unit_scale": True, "disable": None, "leave": False, "name": "zoo.pull"}
    with tqdm(total=total, desc=title, **settings) as shared:

        class FileBar(tqdm):
            """The bar of one file."""

            def __init__(self, *arguments: Any, **settings: Any) -> None:
                super().__init__(*arguments, **{**settings, "disable": True})

            def update(self, n: float | None = 1) -> None:
                shared.update(n)

        yield FileBar
