"""Small pictures in the terminal: two pixels a character, drawn with half blocks.

Only on a terminal that has colours. Piped or redirected output stays plain text.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.console import Console
    from rich.text import Text

    from zoo.release.manifest import Manifest

__all__ = ["half_blocks", "samples", "shows", "thumbnail"]

_TILES = 8
"""A release's samples.png and our own grids have eight tiles a row."""


def shows() -> bool:
    """Whether pictures can be shown: stdout is a terminal with colours. Only then is rich, which is slow, imported."""
    return sys.stdout.isatty() and _console().color_system is not None


def half_blocks(picture: Image, columns: int) -> Text:
    """The picture, `columns` characters wide; each holds an upper pixel (the block) and a lower one (behind it)."""
    from PIL import Image as images
    from rich.color import Color
    from rich.style import Style
    from rich.text import Text

    width = max(1, columns)
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    small = picture.convert("RGB").resize((width, height), images.Resampling.BOX)
    text = Text()
    for y in range(0, height, 2):
        for x in range(width):
            top, bottom = (small.getpixel((x, y + row)) for row in (0, 1))
            text.append("▀", Style(color=Color.from_rgb(*top), bgcolor=Color.from_rgb(*bottom)))  # type: ignore[misc]
        text.append("\n")
    return text


def thumbnail(picture: Any, *, columns: int = 64, tiles: int = _TILES, rows: int = 0) -> None:
    """Print a sheet of samples, at most `columns` wide; of a sheet with eight tiles a row only the first `tiles` of
    each and the first `rows` rows (0: all that there are)."""
    console = _console()
    pitch = picture.width / _TILES
    height = min(picture.height, round(pitch * rows)) if rows else picture.height
    cut = picture.crop((0, 0, round(pitch * tiles), height))
    console.print(half_blocks(cut, min(columns, console.width)), end="")


def samples(folder: Path, manifest: Manifest, **how: Any) -> None:
    """Print a release's samples, or why they cannot be drawn; the bytes are checked against the manifest.

    Raises IntegrityError.
    """
    import io

    from PIL import Image

    from zoo.release.folder import read_pinned

    pin = manifest.files.get("samples.png")
    if pin is None:
        return
    data = read_pinned(folder, "samples.png", pin)
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            picture.load()
            thumbnail(picture, **how)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # a stranger's file
        click.echo(f"samples.png cannot be drawn: {str(error)[:200]}", err=True)


def _console() -> Console:
    from rich.console import Console

    return Console()
