"""Pictures one after the other in one file: an animated GIF or WebP."""

from __future__ import annotations

import io
from typing import Literal

from torch import Tensor

from zoo.plugin import grid

__all__ = ["Animation", "animation"]

Animation = Literal["gif", "webp"]


def animation(pixels: Tensor, kind: Animation, *, seconds: float, scale: int) -> bytes:
    """uint8 images (N, C, H, W) as an endless animation, each enlarged `scale` times without smoothing and shown for
    `seconds`. A GIF has 256 colours a frame; a WebP has all of them."""
    frames = [grid(one[None], 1, scale=scale, gap=0) for one in pixels]
    buffer = io.BytesIO()
    how = {"duration": round(1000 * seconds), "loop": 0, "save_all": True, "append_images": frames[1:]}
    if kind == "webp":
        frames[0].save(buffer, "WEBP", quality=90, method=2, **how)
    else:
        frames[0].save(buffer, "GIF", optimize=False, **how)
    return buffer.getvalue()
