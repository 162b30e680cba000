"""Clients that take their time, many at once: others are answered meanwhile, and they are cut off with a reason."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import released
from zoo_serve import protocol, requests
from zoo_serve.folder import open_folder
from zoo_serve.server import Server

HALF = b"GET /api/models HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-Long: "


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[Server, str]]:
    released(tmp_path / "releases" / "dcgan.blobs")
    server, token = open_folder(tmp_path / "releases", port=0, allow_push=True)
    with server:
        yield server, token


def connected(server: Server, data: bytes) -> socket.socket:
    connection = socket.create_connection(server.server_address, timeout=20)
    connection.sendall(data.replace(b"PORT", str(server.server_address[1]).encode()))
    return connection


def answer(server: Server) -> int:
    connection = http.client.HTTPConnection(*server.server_address, timeout=20)
    connection.request("GET", "/api/models")
    return connection.getresponse().status


def drip(connection: socket.socket) -> None:
    """Send a byte now and then, for 20 seconds."""
    for _ in range(400):
        connection.sendall(b"x")
        time.sleep(0.05)


def closed(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(4096):
            received += part
    return received


def test_two_hundred_half_requests_keep_nobody_waiting(
    hub: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connections = [connected(hub[0], HALF) for _ in range(200)]
    assert answer(hub[0]) == 200
    for connection in connections:
        connection.close()
    assert answer(hub[0]) == 200


@pytest.mark.parametrize("sent", [b"", HALF])
def test_who_does_not_finish_a_request_is_cut_off(
    hub: tuple[Server, str], monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    assert closed(connected(hub[0], sent)) == b""


def test_a_few_bytes_now_and_then_do_not_make_the_wait_longer(
    hub: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    connection = connected(hub[0], HALF)
    with pytest.raises(ConnectionError):
        drip(connection)


def test_a_connection_that_is_used_again_is_not_cut_off(
    hub: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    connection = http.client.HTTPConnection(*hub[0].server_address, timeout=20)
    for _ in range(3):
        connection.request("GET", "/api/models")
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200
        time.sleep(0.5)


def test_a_body_that_does_not_arrive_is_answered_408(hub: tuple[Server, str], monkeypatch: pytest.MonkeyPatch) -> None:
    server, token = hub
    monkeypatch.setattr(requests, "_IDLE_SECONDS", 0.3)
    head = f"POST /api/repos/create HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer {token}\r\n"
    reply = closed(connected(server, f"{head}Content-Length: 500\r\n\r\n{{".encode()))
    assert b" 408 " in reply.split(b"\r\n")[0]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(hub: tuple[Server, str]) -> None:
    server, token = hub
    head = f"POST /api/repos/create HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer {token}\r\n"
    reply = closed(connected(server, f"{head}Content-Length: 1000000000\r\n\r\n".encode()))
    assert b" 413 " in reply.split(b"\r\n")[0]


def test_more_than_was_declared_is_no_part_of_the_request(hub: tuple[Server, str]) -> None:
    server, token = hub
    body = b'{"name": "new", "organization": "lab", "type": "model"}'
    head = f"POST /api/repos/create HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer {token}\r\n"
    sent = f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body + b"more"
    assert b" 200 " in closed(connected(server, sent)).split(b"\r\n")[0]
