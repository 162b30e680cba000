"""Keeps other web pages, and other users of this machine, away from the page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

__all__ = ["Gate"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_SAFE = ("GET", "HEAD", "OPTIONS")


class Gate:
    """An ASGI application in front of `app`: it answers to this machine's own names alone (a page of another site whose
    name was made to point here has another Host), to requests that change something only from its own pages (Origin),
    and only to who has the `token`: from the printed address, which sets a cookie."""

    def __init__(self, app: Any, token: str) -> None:
        self.app = app
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it: 421 for another host, 403 for another origin, 401 without the token."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(scope, receive, send, *refusal)
        elif self._is_named(scope):
            host = headers["host"][0]
            cookie = f"{_cookie_name(host)}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            await _answer(send, 303, [("location", "/"), ("set-cookie", cookie), ("referrer-policy", "no-referrer")])
        else:
            await self.app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: dict[str, list[str]]) -> tuple[int, str] | None:
        hosts, origins = headers.get("host", []), headers.get("origin", [])
        if len(hosts) != 1 or (hosts[0].rpartition(":")[0] not in _HOSTS and hosts[0] not in _HOSTS):
            return 421, "This page answers to 127.0.0.1 and localhost alone."
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and any(origin != f"http://{hosts[0]}" for origin in origins):
            return 403, "Another page may not use this one."
        known = self._is_token(_cookie(headers, _cookie_name(hosts[0])))
        if not known and not self._is_named(scope):
            return 401, "Open the address that zoo ui printed: it ends in a token."
        return None

    def _is_named(self, scope: Scope) -> bool:
        """Whether the address has the token."""
        query = parse_qs(scope["query_string"].decode("latin-1"))
        return scope["type"] == "http" and self._is_token(query.get("token", [""])[0])

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())


def _cookie_name(host: str) -> str:
    """By port: cookies of one machine's pages share a name otherwise."""
    return f"zoo-ui-{host.rpartition(':')[2]}" if host.rpartition(":")[2].isdigit() else "zoo-ui"


def _cookie(headers: dict[str, list[str]], name: str) -> str:
    for text in headers.get("cookie", []):
        try:
            morsel = SimpleCookie(text).get(name)
        except CookieError:
            continue
        if morsel is not None:
            return morsel.value
    return ""


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    if scope["type"] == "websocket":
        await receive()  # the client's wish to connect
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    await _answer(send, status, [("content-type", "text/plain; charset=utf-8")], f"{reason}\n")


async def _answer(send: Send, status: int, headers: list[tuple[str, str]], text: str = "") -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": text.encode()})
