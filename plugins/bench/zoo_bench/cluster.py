"""A suite's runs as tasks of an existing Ray cluster. All of its machines must see the suite's folder."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from zoo.plugin import ConfigError, TrainingError

__all__ = ["Cluster"]

_PROBE_SECONDS = 5.0


class Cluster(Executor):
    """Submits calls to the Ray cluster at `address`, `host:port` of its head; `slots` are the runs that fit at once.

    Leaving it disconnects and stops nothing. Ray asks for a token since 2.5x: this process sets `RAY_AUTH_MODE=token`
    unless the variable is set. Raises ConfigError if Ray is not installed or nobody listens at the address (tried
    first: Ray itself waits for minutes and may end the process), TrainingError if the cluster refuses.
    """

    def __init__(self, address: str, threads: int = 1) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise ConfigError(
                "spreading runs over a cluster needs Ray, which is not installed",
                "In a checkout of Zoo's repository: pip install './plugins/bench[ray]'",
            ) from None
        _probe(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (Exception, SystemExit) as error:
            raise TrainingError(
                f"the Ray cluster at {address} refused: {type(error).__name__}: {error}",
                "Set RAY_AUTH_MODE and RAY_AUTH_TOKEN as on its machines.",
            ) from error
        self._call = self._ray.remote(num_cpus=threads, max_retries=0)(_call)
        self.slots = max(1, int(self._ray.cluster_resources().get("CPU", 1)) // threads)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` somewhere in the cluster. What it raises comes back as it was raised."""
        future: Future[Any] = Future()

        def settle(done: Future[Any]) -> None:
            error = done.exception()
            if error is None:
                future.set_result(done.result())
            else:
                future.set_exception(getattr(error, "cause", None) or error)

        future.set_running_or_notify_cancel()
        self._call.remote(fn, args, kwargs).future().add_done_callback(settle)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Disconnect."""
        self._ray.shutdown()


def _call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return fn(*args, **kwargs)


def _probe(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "://" in address:
        raise ConfigError(f"{address!r} is not HOST:PORT", "For example --ray 10.0.0.5:6379, the address of its head.")
    try:
        socket.create_connection((host, int(port)), timeout=_PROBE_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise ConfigError(f"nobody listens at {address}: {error}", "Start the head: ray start --head") from None
