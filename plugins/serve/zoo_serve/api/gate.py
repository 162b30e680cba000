"""The check of every request to the API: its Host, its token, and the size of its body."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BODY_SECONDS", "LARGEST_BODY", "Gate"]

BODY_SECONDS = 30.0
"""How long the body of a request may take."""

LARGEST_BODY = 32 * 2**20
"""The most bytes of a request's body."""


class Gate:
    """An application in front of `app`. It answers to `hosts` alone (421), to who has the `token` if there is one (401;
    not for /health), and takes no body of more than `largest` bytes (413) or of an undeclared size (411), or that
    takes longer than BODY_SECONDS (408)."""

    def __init__(self, app: ASGIApp, hosts: Collection[str], token: str = "", largest: int = LARGEST_BODY) -> None:
        self.app, self.hosts, self.token, self.largest = app, hosts, token, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(Headers(scope=scope), scope["path"])
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            late = _refused(408, f"the body did not arrive within {BODY_SECONDS:g} seconds")
            await late(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _once(body, receive), send)

    def _refusal(self, headers: Headers, path: str) -> JSONResponse | None:
        if headers.get("host") not in self.hosts:
            return _refused(421, "this server does not answer to that Host")
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if self.token and path != "/health" and not hmac.compare_digest(given.encode(), self.token.encode()):
            return _refused(401, "this server needs a token: Authorization: Bearer ...")
        if "transfer-encoding" in headers:
            return _refused(411, "send a Content-Length")
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared[:20]) > self.largest:
            return _refused(413, f"a request may have {self.largest:,} bytes")
        return None


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status, {"Connection": "close"})


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if the client went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _once(body: bytes, receive: Receive) -> Receive:
    """Gives the body, then whatever comes."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
