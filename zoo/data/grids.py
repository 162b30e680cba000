"""Sheets of small images as PNG, and walks as GIF: readable at 28 to 64 pixels, the same images give the same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageFont

__all__ = ["captioned_grid", "gif_bytes", "grid", "labelled_grids", "png_bytes", "row_of_each"]

_PAPER = (255, 255, 255)
_GAP_COLOUR = (225, 225, 225)
_INK = (30, 30, 30)
_SMALLEST_TILE = 48
_CAPTION = 17


def grid(images: Any, columns: int = 8, *, scale: int | None = None, gap: int = 2) -> Image.Image:
    """Lay out uint8 images (N, C, H, W), C of 1 or 3, row by row.

    Tiles are enlarged `scale` times without smoothing; by default until their shorter side has 48 px. An
    unfinished last row stays paper white. Raises DataError for another shape or type.
    """
    import numpy as np
    from PIL import Image

    tiles = _tiles(images)
    n, height, width, _ = tiles.shape
    if columns < 1 or gap < 0 or (scale is not None and scale < 1):
        raise DataError(f"a grid of {columns} columns, scale {scale} and gap {gap} cannot be drawn")
    factor = scale or max(1, math.ceil(_SMALLEST_TILE / min(height, width)))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = height * factor, width * factor
    across = min(columns, n)
    down = math.ceil(n / across)
    sheet = np.full((down * (height + gap) + gap, across * (width + gap) + gap, 3), _PAPER, np.uint8)
    for i in range(n):
        y, x = i // across * (height + gap), i % across * (width + gap)
        sheet[y : y + height + 2 * gap, x : x + width + 2 * gap] = _GAP_COLOUR
    for i, tile in enumerate(tiles):
        y, x = gap + i // across * (height + gap), gap + i % across * (width + gap)
        sheet[y : y + height, x : x + width] = tile
    return Image.fromarray(sheet)


def labelled_grids(
    panels: Sequence[tuple[str, Any]],
    columns: int = 8,
    *,
    across: int | None = None,
    scale: int | None = None,
    gap: int = 2,
) -> Image.Image:
    """Several grids with a caption above each; `panels` are (caption, uint8 images (N, C, H, W)). See `captioned`."""
    return captioned_grid(
        [(text, grid(images, columns, scale=scale, gap=gap)) for text, images in panels], across=across
    )


def row_of_each(names: Sequence[str], images: Any, columns: int) -> Image.Image:
    """`columns` images under each name; `images` are uint8 (N, C, H, W), those of the first name first."""
    rows = [(name, images[i * columns : (i + 1) * columns]) for i, name in enumerate(names)]
    return labelled_grids(rows, columns, across=1)


def captioned_grid(panels: Sequence[tuple[str, Image.Image]], *, across: int | None = None) -> Image.Image:
    """Pictures with a caption above each, `across` of them side by side (all in one row by default).

    Long captions are wrapped to their picture's width. Raises DataError when there is none.
    """
    from PIL import Image, ImageDraw

    if not panels or (across is not None and across < 1):
        raise DataError("there is no grid to draw", "Give at least one caption with its images.")
    font = _font(_CAPTION)
    sheets = [sheet for _, sheet in panels]
    captions = [_wrap(caption, font, sheet.width) for (caption, _), sheet in zip(panels, sheets, strict=True)]
    line, margin = _CAPTION + 5, _CAPTION
    per_row = min(across or len(panels), len(panels))
    rows = [range(i, min(i + per_row, len(panels))) for i in range(0, len(panels), per_row)]
    widths = [max(sheets[i].width for i in range(c, len(panels), per_row)) for c in range(per_row)]
    heads = [max(len(captions[i]) for i in row) * line + 4 for row in rows]
    bodies = [max(sheets[i].height for i in row) for row in rows]
    size = (sum(widths) + margin * (per_row + 1), sum(heads) + sum(bodies) + margin * (len(rows) + 1))
    page = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(page)
    y = margin
    for row, head, body in zip(rows, heads, bodies, strict=True):
        x = margin
        for i, width in zip(row, widths, strict=False):
            first = y + head - 4 - line * len(captions[i])  # captions stand on their grid
            for k, text in enumerate(captions[i]):
                draw.text((x, first + k * line), text, fill=_INK, font=font)
            page.paste(sheets[i], (x, y + head))
            x += width + margin
        y += head + body + margin
    return page


def png_bytes(image: Image.Image) -> bytes:
    """The image as PNG without a time stamp or any other text."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def gif_bytes(images: Any, walks: int, *, milliseconds: int = 60) -> bytes:
    """Uint8 images (walks * steps, C, H, W), one walk after the other, as a GIF: all walks side by side, there and
    back without end. Raises DataError like `grid`, and for a number of images that is no multiple of `walks`."""
    steps, rest = divmod(len(images), walks)
    if rest:
        raise DataError(f"{len(images)} images are not {walks} walks of equal length")
    across = min(walks, 8)
    frames = [grid(images[step::steps], across) for step in range(steps)]
    first, *others = [frame.quantize(256) for frame in frames + frames[-2:0:-1]]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
    return buffer.getvalue()


def _tiles(images: Any) -> NDArray[np.uint8]:
    """(N, C, H, W) of numpy or torch -> (N, H, W, 3)."""
    import numpy as np

    array = np.asarray(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise DataError(
            f"cannot draw a grid of {array.dtype} {array.shape}", "Give uint8 images (N, C, H, W) with C of 1 or 3."
        )
    return np.broadcast_to(array, (array.shape[0], 3, *array.shape[2:])).transpose(0, 2, 3, 1)


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib and has arrows and Greek."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break between words, and inside a word that is wider than the panel."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if font.getlength(joined) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
