"""Faults in a server's responses, for tests of clients."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass
from typing import Literal

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Fault", "Faults"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in the next `times` responses to requests whose `METHOD path` matches the pattern `on`.

    `status`: respond with that status and `headers` instead. `cut`: close the connection after the share `at` of the
    body. `longer`, `shorter`: send a wrong Content-Length. `bytes`: send one wrong byte. `stall`: send nothing for
    `seconds` after the share `at`, then close.
    """

    on: str
    kind: Literal["status", "cut", "longer", "shorter", "bytes", "stall"]
    times: int = 1
    status: int = 500
    headers: tuple[tuple[str, str], ...] = ()
    at: float = 0.5
    seconds: float = 3600.0


class Faults:
    """Middleware that damages the responses for which there is a fault."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self._waiting += [fault] * fault.times

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._waiting.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._take(f"{scope['method']} {scope['path']}")
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "status":
            await Response(b"{}", fault.status, dict(fault.headers))(scope, receive, send)
        else:
            messages: list[Message] = []

            async def collect(message: Message) -> None:
                messages.append(message)

            await self._app(scope, receive, collect)
            await _send_damaged(fault, messages, send)

    def _take(self, request: str) -> Fault | None:
        with self._lock:
            fault = next((fault for fault in self._waiting if re.search(fault.on, request)), None)
            if fault is not None:
                self._waiting.remove(fault)
            return fault


async def _send_damaged(fault: Fault, messages: list[Message], send: Send) -> None:
    """Send a response with a fault. The server closes the connection if a response is not complete."""
    start, *rest = messages
    data = bytearray(b"".join(message.get("body", b"") for message in rest))
    at, headers = int(len(data) * fault.at), MutableHeaders(raw=start["headers"])
    if fault.kind == "bytes" and data:
        data[at] ^= 1
    elif fault.kind in ("cut", "stall"):
        del data[at:]
    elif fault.kind == "longer":
        headers["content-length"] = str(int(headers["content-length"]) + 7)
    elif fault.kind == "shorter":
        del data[-7:]
        headers["content-length"] = str(len(data))
    await send(start)
    await send({"type": "http.response.body", "body": bytes(data), "more_body": fault.kind != "bytes"})
    if fault.kind == "stall":
        await asyncio.sleep(fault.seconds)
