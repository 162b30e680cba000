"""An application at an address, run by uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from zoo_serve.protocol import ImpatientProtocol

__all__ = ["Listener"]


class Listener:
    """Listens at `http://host:port`; port 0 takes a free one. Use it as a context manager, or call `run`.

    `application` is called with the hosts that clients may name: the address itself, this machine's names, and `names`.
    Raises OSError if it cannot listen there.
    """

    def __init__(
        self,
        application: Callable[[frozenset[str]], ASGIApp],
        host: str = "127.0.0.1",
        port: int = 0,
        names: Iterable[str] = (),
    ) -> None:
        self._socket = socket.create_server((host, port))
        self.server_address: tuple[str, int] = self._socket.getsockname()
        own = {f"{name}:{self.server_address[1]}" for name in (host, "127.0.0.1", "localhost", *names)}
        self._config = _config(application(frozenset({*own, *names})))
        self._uvicorn = uvicorn.Server(self._config)
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address."""
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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()


def _config(app: ASGIApp) -> uvicorn.Config:
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
