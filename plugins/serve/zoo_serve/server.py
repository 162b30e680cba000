"""The server: a hub at an address, run by uvicorn."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

import uvicorn
from starlette.types import ASGIApp

from zoo_serve.app import application
from zoo_serve.gate import Gate
from zoo_serve.permissions import Hub
from zoo_serve.protocol import ImpatientProtocol
from zoo_serve.requests import printable

__all__ = ["Server"]


class Server:
    """A Hub at `http://host:port`; port 0 takes a free one. Use it as a context manager, or call `run`.

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
        self._socket = socket.create_server((host, port))
        self.server_address: tuple[str, int] = self._socket.getsockname()
        hosts = {f"{name}:{self.server_address[1]}" for name in (host, "127.0.0.1", "localhost", *names)} | {*names}
        self._config = _config(Gate(middleware(application(hub)), hub, hosts, self._record))
        self._uvicorn = uvicorn.Server(self._config)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address for HF_ENDPOINT."""
        return f"http://{self.server_address[0]}:{self.server_address[1]}"

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM; responses that have begun get a few seconds to finish."""
        self._uvicorn.run(sockets=[self._socket])

    def start(self) -> None:
        """Serve in a thread."""
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop at once, and stop listening."""
        self._config.timeout_graceful_shutdown = 0
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _record(self, method: str, path: str, status: int) -> None:
        self.responses.append((method, path, status))
        if self.verbose:
            print(time.strftime("%H:%M:%S"), printable(f"{method} {path} {status}"), file=sys.stderr, flush=True)


def _config(app: Gate) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=ImpatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",  # lower levels repeat what a client sent
        access_log=False,
        headers=[("Server", "zoo-hub")],
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=3,
    )
