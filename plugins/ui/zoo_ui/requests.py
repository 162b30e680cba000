"""What a request asks for, checked; and the answer to it, also to one that failed."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import ConfigError, ZooError, parse_json, png_bytes, sanitize

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Query", "computed", "for_page", "json_body", "picture_body", "png", "respond", "stream"]

_LARGEST_JSON = 1 << 16
_LARGEST_PICTURE = 20_000_000
_IDLE_SECONDS = 60
_MOST_PIXELS = 50_000_000
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
_COMMAND = re.compile(r"(?<![\w-])--?[a-z]|\bzoo [a-z-]+\b|\bpip install\b")
_HIGHEST_SEED = 2**53
"""What a number of the browser's language keeps exactly."""

_at_once = anyio.CapacityLimiter(2)
"""How many answers are computed at once; others wait."""


class Query:
    """The values of an address or of a JSON body by name. Each method raises ConfigError for a value that is not what
    is asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    @classmethod
    def of(cls, request: Request) -> Query:
        """Those of the address."""
        return cls(dict(request.query_params))

    def text(self, name: str, default: str = "") -> str:
        """A text of at most 1,000 characters."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or len(value) > 1_000 or "\0" in value:
            raise ConfigError(f"{name} is not a text that can be used")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        return _whole_number(name, self.values.get(name, default), low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return _number(name, self.values.get(name, default), low, high)

    def flag(self, name: str) -> bool:
        """Whether it is true, or 1."""
        return self.values.get(name) in (True, "1", "true")

    def texts(self, name: str, most: int) -> list[str]:
        """At most so many texts, of a list or separated by commas."""
        value = self.values.get(name, [])
        parts = [part for part in value.split(",") if part] if isinstance(value, str) else value
        if not isinstance(parts, list) or len(parts) > most:
            raise ConfigError(f"{name} is not a list of at most {most}")
        return [Query({name: part}).text(name) for part in parts]

    def seeds(self, name: str, most: int, default: str = "0") -> list[int]:
        """One to `most` seeds, separated by commas; `3-9` are those from 3 to 9."""
        seeds: list[int] = []
        for part in self.text(name, default).split(","):
            first, dash, last = part.partition("-")
            low = _whole_number(name, first, 0, _HIGHEST_SEED)
            high = _whole_number(name, last, low, min(_HIGHEST_SEED, low + most - 1)) if dash else low
            seeds += range(low, high + 1)
        if len(seeds) > most:
            raise ConfigError(f"{len(seeds)} seeds are too many at once", f"At most {most} are drawn.")
        return seeds

    def seed(self, name: str = "seed", default: int = 0) -> int:
        """A seed."""
        return self.whole(name, default, 0, _HIGHEST_SEED)


def _whole_number(name: str, value: Any, low: int, high: int) -> int:
    number = value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        number = int(value)
    if type(number) is not int or not low <= number <= high:
        raise ConfigError(f"{name} is {str(value)[:40]!r}, and not a whole number from {low:,} to {high:,}")
    return number


def _number(name: str, value: Any, low: float, high: float) -> float:
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else low - 1
    except ValueError:
        number = low - 1
    if not low <= number <= high:  # also if it is not a number at all
        raise ConfigError(f"{name} is {str(value)[:40]!r}, and not a number from {low:g} to {high:g}")
    return number


async def stream(request: Request, largest: int) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises HTTPException 413 above `largest` bytes, 408 if nothing arrives for a minute."""
    chunks, size = request.stream(), 0
    try:
        while True:
            chunk = await asyncio.wait_for(anext(chunks), _IDLE_SECONDS)
            size += len(chunk)
            if size > largest:
                limit = f"{largest / 1e6:,.0f} MB" if largest >= 1e6 else f"{largest:,} bytes"
                raise HTTPException(413, f"This is too large: at most {limit} are read.", {"Connection": "close"})
            yield chunk
    except StopAsyncIteration:
        return
    except TimeoutError:
        raise HTTPException(408, "The request did not arrive.", {"Connection": "close"}) from None


async def json_body(request: Request) -> Query:
    """The JSON object that was sent, at most 64 KiB. Raises HTTPException and what parsing raises."""
    body = b"".join([chunk async for chunk in stream(request, _LARGEST_JSON)])
    value = parse_json(body or b"{}", "what the page sent", largest=_LARGEST_JSON)
    if not isinstance(value, dict):
        raise ConfigError("what the page sent is not a table of values")
    return Query(value)


async def picture_body(request: Request) -> Image | None:
    """The picture that was sent, at most 20 MB; None if nothing was. Raises ConfigError for what is no picture."""
    from PIL import Image, ImageOps

    body = b"".join([chunk async for chunk in stream(request, _LARGEST_PICTURE)])
    if not body:
        return None
    try:
        with Image.open(io.BytesIO(body), formats=_FORMATS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise ValueError("too many pixels")
            return ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ConfigError(
            "this file is no picture that can be read", "Choose a PNG, JPEG, WebP, GIF or BMP of at most 50 megapixels."
        ) from None


async def computed(answer: Callable[..., Any], *arguments: Any) -> Any:
    """What `answer` returns, called in a thread; at most two are computed at once."""
    return await anyio.to_thread.run_sync(lambda: answer(*arguments), limiter=_at_once)


def png(picture: Image, *, name: str = "") -> Response:
    """A picture as the answer; with a `name` the browser saves it."""
    headers = {"Cache-Control": "private, max-age=300"}
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(png_bytes(picture), media_type="image/png", headers=headers)


def for_page(text: str) -> str:
    """The lines of a text that name no command and no flag, which nobody can type into a page."""
    return "\n".join(line for line in text.splitlines() if not _COMMAND.search(line))


async def respond(request: Request, error: Exception) -> Response:
    """The answer to a request that failed: what is wrong, and what to do about it."""
    if isinstance(error, HTTPException):
        return JSONResponse({"error": error.detail, "hint": ""}, error.status_code, error.headers)
    if isinstance(error, ZooError):
        return JSONResponse({"error": sanitize(error.message), "hint": for_page(sanitize(error.hint or ""))}, 400)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody receives it
    text = f"{request.method} {request.scope['path']}: {type(error).__name__}: {error}"
    print(sanitize(text)[:2_000], file=sys.stderr, flush=True)
    return JSONResponse(
        {"error": "Something went wrong inside Zoo.", "hint": "The terminal that started the page says what."}, 500
    )
