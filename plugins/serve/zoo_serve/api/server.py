"""The API at an address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoo.plugin import ConfigError, RemoteError
from zoo_serve.listener import Listener
from zoo_serve.token import chosen_token, is_loopback

__all__ = ["open_api"]


def open_api(releases: Sequence[str], host: str = "127.0.0.1", port: int = 8765, names: Iterable[str] = ()) -> Listener:
    """A server of what these releases, names or folders, compute; not started yet.

    An address that other machines can reach needs ZOO_SERVE_TOKEN, which clients then send. Raises ConfigError, also if
    fastapi is not installed or two releases have one name, RemoteError if it cannot listen, and what loading raises.
    """
    try:
        from zoo_serve.api.app import api
        from zoo_serve.api.gate import Gate
        from zoo_serve.api.models import ServedModel
    except ImportError as error:
        raise ConfigError(f"--api needs fastapi: {error}", "pip install fastapi") from None
    token = chosen_token(host)
    models = [ServedModel(name) for name in releases]
    if len({model.name for model in models}) < len(models):
        raise ConfigError("two of the releases have one name", "Serve one of them, or give the other another name.")
    app = api(models)
    try:
        asked = "" if is_loopback(host) else token
        return Listener(lambda hosts: Gate(app, hosts, asked), host, port, names)
    except OSError as error:
        raise RemoteError(f"cannot listen at {host}:{port}: {error.strerror or error}", "Try another --port.") from None
