"""The parts of a request, and the response to one that failed."""

from __future__ import annotations

import asyncio
import re
import sys
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from zoo.plugin import ZooError, parse_json

__all__ = ["Refusal", "flag", "json_object", "json_objects", "part", "printable", "read"]
__all__ += ["respond", "size", "stream", "whole", "whole_text", "with_json"]

_LARGEST_JSON = 1 << 20
_IDLE_SECONDS = 60


class Refusal(HTTPException):
    """An error response; `code` is its header `X-Error-Code`."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, {**({"X-Error-Code": code} if code else {}), **(headers or {})})


def respond(request: Request, error: Exception) -> Response:
    """The response to a request that failed."""
    if isinstance(error, HTTPException):
        headers = {"X-Error-Message": printable(error.detail), **(error.headers or {})}
        return JSONResponse({"error": error.detail}, error.status_code, headers)
    if isinstance(error, ZooError):
        return JSONResponse({"error": error.message}, 507)
    if isinstance(error, ClientDisconnect):
        return Response(status_code=400)  # nobody receives it
    text = f"{request.method} {request.scope['path']}: {type(error).__name__}: {error}"
    print(printable(text), file=sys.stderr, flush=True)
    return JSONResponse({"error": "internal error"}, 500)


def printable(text: str) -> str:
    """The text with `?` for every character that is not printable ASCII: safe in a header and in a terminal."""
    return re.sub(r"[^\x20-\x7e]", "?", text)


def part(request: Request, name: str) -> str:
    """A parameter of the path, decoded; empty if the route does not have it."""
    return urllib.parse.unquote(request.path_params.get(name, ""))


def flag(request: Request, name: str) -> bool:
    """A query parameter that is `true` or `false`."""
    return request.query_params.get(name, "").lower() in ("true", "1")


def size(request: Request) -> int:
    """The declared size of the body."""
    return int(request.headers.get("content-length", "0"))


async def stream(request: Request) -> AsyncIterator[bytes]:
    """Yield the body as it arrives. Raises Refusal 408 if nothing arrives for a minute."""
    chunks = request.stream()
    try:
        while True:
            yield await asyncio.wait_for(anext(chunks), _IDLE_SECONDS)
    except StopAsyncIteration:
        return
    except TimeoutError:
        raise Refusal(408, "The body did not arrive", headers={"Connection": "close"}) from None


async def read(request: Request, largest: int = _LARGEST_JSON) -> bytes:
    """The whole body. Raises Refusal 413 if it has more than `largest` bytes."""
    if size(request) > largest:
        raise Refusal(413, f"{size(request):,} bytes; at most {largest:,} are read")
    return b"".join([chunk async for chunk in stream(request)])


def json_object(data: bytes, what: str = "body", largest: int = _LARGEST_JSON) -> dict[str, Any]:
    """A JSON object. Raises Refusal 400."""
    try:
        value = parse_json(data or b"{}", what, largest=largest)
    except ZooError as error:
        raise Refusal(400, error.message) from None
    if not isinstance(value, dict):
        raise Refusal(400, f"the {what} is not a table")
    return value


def json_objects(value: Any) -> list[dict[str, Any]]:
    """A list of JSON objects. Raises Refusal 400."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refusal(400, "expected a list of tables")
    return value


def whole(value: Any, name: str) -> int:
    """A whole number from 0 to 2^53. Raises Refusal 400."""
    if type(value) is not int or not 0 <= value <= 1 << 53:
        raise Refusal(400, f"{name} is not a whole number of bytes")
    return value


def whole_text(text: str) -> int:
    """The same, of digits."""
    return whole(int(text) if text.isascii() and text.isdigit() and len(text) < 17 else None, "size")


def with_json(endpoint: Callable[[Request, dict[str, Any]], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of a function that takes a request and its JSON body. The function runs in the threadpool."""

    @wraps(endpoint)
    async def read_and_call(request: Request) -> Response:
        return await run_in_threadpool(endpoint, request, json_object(await read(request)))

    return read_and_call
