"""A registry at an address: where it may send on to, and what a server's refusal means."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zoo.errors import ConfigError, RemoteError
from zoo.registry.fetch import fetch

REGISTRY = b"format = 1\n[models]\n"


class Server(ThreadingHTTPServer):
    """Answers with `status`, and with `location` if it has one."""

    status = 200
    location = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/registry.toml"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        sent_on = self.server.location and not self.path.startswith("/there")
        self.send_response(302 if sent_on else self.server.status)
        if sent_on:
            self.send_header("Location", self.server.location)
        self.end_headers()
        if not sent_on:
            self.wfile.write(REGISTRY)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    with Server(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize(
    "location",
    ["http://0.0.0.0:1/x", "http://192.168.0.1/x", "http://lab.example/x", "file:///etc/passwd", "ftp://x/y"],
)
def test_a_registry_sends_on_to_no_address_that_could_not_be_given(server: Server, location: str) -> None:
    fetch(server.url)
    server.location = location
    with pytest.raises((ConfigError, RemoteError), match=r"not an https address|302|redirect"):
        fetch(server.url)


def test_a_registry_on_this_machine_may_send_on_within_it(server: Server) -> None:
    server.location = server.url.replace("/registry.toml", "/there")
    assert fetch(server.url).read_bytes() == REGISTRY


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_a_server_refuses_is_not_taken_from_the_cache(server: Server, status: int) -> None:
    fetch(server.url)
    server.status = status
    with pytest.raises(RemoteError, match=f"the server answers {status}"):
        fetch(server.url)


def test_while_a_server_fails_the_copy_is_used(server: Server) -> None:
    path = fetch(server.url)
    server.status = 503
    with pytest.warns(UserWarning, match="cannot be reached; using the copy"):
        assert fetch(server.url) == path
