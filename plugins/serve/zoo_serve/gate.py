"""The check of every request before it is routed, and the record of every response."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo_serve.permissions import Hub
from zoo_serve.requests import Refusal, respond, size

__all__ = ["Gate"]

_LARGEST_UNREAD = 1 << 22


class Gate:
    """Refuses requests for another host, bodies of unknown size and, if the hub is for members only, strangers.

    Calls `record` with the method, the encoded path and the status of each response.
    """

    def __init__(self, app: ASGIApp, hub: Hub, hosts: Collection[str], record: Callable[[str, str, int], None]) -> None:
        self.app, self.hub, self.hosts, self.record = app, hub, hosts, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Routes match the encoded path: the branch `dev%2Fx` is one part of it.
        path = scope["path"] = scope["raw_path"].decode("ascii")
        request = Request(scope)

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.record(request.method, path, message["status"])
                headers = MutableHeaders(raw=message["headers"])
                headers["X-Content-Type-Options"] = "nosniff"
                if message["status"] >= 400 and size(request) > _LARGEST_UNREAD:
                    headers["Connection"] = "close"  # the rest of a refused upload is not read
            await send(message)

        refusal = self._refusal(request, path)
        await (respond(request, refusal) if refusal else self.app)(scope, receive, recorded)

    def _refusal(self, request: Request, path: str) -> Refusal | None:
        if request.headers.get("host") not in self.hosts:
            return Refusal(421, "This server does not answer to that Host")
        if "transfer-encoding" in request.headers:
            return Refusal(411, "Send a Content-Length", headers={"Connection": "close"})
        member = not self.hub.members_only or self.hub.access.user(request.headers.get("authorization", ""))
        if not member and not path.startswith("/lfs/"):  # an upload has a signature instead
            return Refusal(401, "This server needs a token", "RepoNotFound")
        return None
