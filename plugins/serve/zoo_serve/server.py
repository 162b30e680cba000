"""The server of a hub."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from zoo_serve.app import application
from zoo_serve.gate import Gate
from zoo_serve.listener import Listener
from zoo_serve.permissions import Hub
from zoo_serve.requests import printable

__all__ = ["Server"]


class Server(Listener):
    """A Hub at `http://host:port`, the address for HF_ENDPOINT; see `Listener`.

    `names` are further host names that clients use for it. `middleware` wraps the application. `responses` are the last
    ones as `(method, path, status)`. Raises OSError if it cannot listen at the address.
    """

    def __init__(
        self,
        hub: Hub,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Iterable[str] = (),
        *,
        verbose: bool = False,
        middleware: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        self.hub, self.verbose = hub, verbose
        self.responses: deque[tuple[str, str, int]] = deque(maxlen=10_000)
        app = middleware(application(hub))
        super().__init__(lambda hosts: Gate(app, hub, hosts, self._record), host, port, names)

    def _record(self, method: str, path: str, status: int) -> None:
        self.responses.append((method, path, status))
        if self.verbose:
            print(time.strftime("%H:%M:%S"), printable(f"{method} {path} {status}"), file=sys.stderr, flush=True)
