"""What clients send to `zoo serve`, and what web pages and strangers send to the page of `zoo ui`."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import random
import socket
from pathlib import Path
from typing import Any

from helpers import released
from zoo_serve.folder import open_folder
from zoo_ui.gate import Gate

from attack.arena import Action, Family
from attack.damage import HOSTILE, damage_bytes, damage_plain, damage_text
from attack.judge import SECRET
from zoo.errors import ZooError

__all__ = ["PAGES", "SERVERS", "send", "status_of"]

_WAIT = 1.0

# The server

_ID = "releases/dcgan.blobs"
_NEW = "lab/new"
_CARD = "---\nlicense: mit\ntags: [aegan-zoo]\n---\n# x\n"
_HEADS = (
    _CARD,
    "---\na: &a [*a]\n---\n",
    "---\na: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n---\n",
    "---\n" + "[" * 20_000 + "\n---\n",
    "---\ntags: 3\nlicense: {a: b}\nmodel-index: [[]]\n---\n",
    "---\nno end",
    "---\n!!python/object/apply:os.system [id]\n---\n",
    "\0\ud7ff",
)
_PATHS = (
    "/api/models",
    "/api/models?search=V&limit=V&filter=V&sort=V&full=V",
    "/api/V",
    "/api/models/ID",
    "/api/models/ID/revision/V",
    "/api/models/ID/tree/main",
    "/api/models/ID/tree/V/V?recursive=V",
    "/api/models/ID/refs",
    "/api/models/ID/commits/V",
    "/ID/resolve/main/zoo.json",
    "/ID/resolve/main/V",
    "/ID/resolve/V/README.md",
    "/api/models/ID/xet-V-token/main",
    "/api/whoami-v2",
    "/api/collections/lab/V",
    "/V",
    "V",
)
_POSTS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "/api/repos/create", {"name": "new", "organization": "lab", "type": "model", "private": False}),
    ("DELETE", "/api/repos/delete", {"name": "new", "organization": "lab", "type": "model"}),
    ("POST", "/api/repos/move", {"fromRepo": _NEW, "toRepo": "lab/other", "type": "model"}),
    ("PUT", "/api/models/ID/settings", {"private": True}),
    ("POST", "/api/models/ID/paths-info/main", {"paths": ["zoo.json", "README.md"], "expand": True}),
    ("POST", "/api/models/ID/preupload/main", {"files": [{"path": "a.safetensors", "size": 9, "sample": "AAAA"}]}),
    ("POST", "/ID.git/info/lfs/objects/batch", {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 3}]}),
    ("POST", "/api/models/ID/tag/V", {"tag": "v9", "message": "m"}),
    ("POST", "/api/models/ID/branch/V", {"startingPoint": "main"}),
    ("POST", "/api/collections", {"title": "Zoo", "namespace": "lab", "description": "d", "private": False}),
    ("POST", "/api/collections/lab/V/items", {"item": {"id": _NEW, "type": "model"}}),
    ("POST", "/api/validate-yaml", {"content": _CARD, "repoType": "model"}),
)
_HEADERS = (
    ("Range", "bytes=0-10"),
    ("Range", f"bytes=0-{'9' * 5_000}"),
    ("Range", "bytes=-1,5-,0-0"),
    ("Range", "x"),
    ("Authorization", "Bearer x"),
    ("Authorization", "Basic eDp5"),
    ("Host", "evil.example"),
    ("Host", ""),
    ("Transfer-Encoding", "chunked"),
    ("Content-Type", "text/plain"),
    ("Content-Length", "-1"),
    ("Content-Length", "99999999999999"),
    ("Content-Length", "x"),
    ("Expect", "100-continue"),
    ("If-None-Match", '"x"'),
    ("X" * 3_000, "y"),
    ("X", "y" * 70_000),
    ("Cookie", "\x01"),
)
_METHODS = ("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X")
_PIECES = (
    "main",
    "v1.0.0",
    "README.md",
    "zoo.json",
    "..",
    "%2e%2e%2f%2e%2e%2foutside%2fsecret.txt",
    "../../outside/secret.txt",
    ".zoo-hub",
    "%00",
    "%ff%fe",
    "%",
    "a" * 5_000,
    "[",
    "%1b[31m",
    "9" * 40,
    "-1",
    "",
    "//",
)


def _make_server(place: Path) -> None:
    released(place / "releases" / "dcgan.blobs")


def _server_case(rng: random.Random) -> tuple[str, Action]:
    member = rng.random() < 0.7
    requests = [_request(rng, member) for _ in range(rng.choice((1, 1, 3)))]
    how = requests[-1].split(b"\r\n")[0].decode("latin-1")[:120]

    def run(place: Path) -> object:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            server, token = open_folder(place / "releases", port=0, allow_push=True)
            with server:
                address = server.server_address
                send(address, _plain("POST", "/api/repos/create", _POSTS[0][2], token))
                replies = [send(address, data.replace(b"TOKEN", token.encode())) for data in requests]
                listed = send(address, _plain("GET", "/api/models?full=true", None, token))
        _check(replies, listed, said.getvalue().replace(token, ""))
        if all(status_of(reply) >= 400 for reply in replies):
            raise ZooError(f"answered {status_of(replies[-1])}")
        return "answered"

    return how, run


def _check(replies: list[bytes], listed: bytes, said: str) -> None:
    """Raise AssertionError for an error of the server's own, a secret, or a list that is not given any more."""
    for reply in replies:
        if status_of(reply) >= 500:
            raise AssertionError(f"answered {reply[:200]!r}; {said[-300:]}")
        if SECRET.encode() in reply:
            raise AssertionError("it gave a file from outside")
    if status_of(listed) != 200 or _ID.encode() not in listed:
        raise AssertionError(f"the list is not given any more: {listed[:200]!r}; {said[-300:]}")
    if "Traceback" in said or "\x1b" in said or "internal error" in said:
        raise AssertionError(f"it printed {said[-300:]!r}")


def _request(rng: random.Random, member: bool) -> bytes:
    """The bytes of a request, PORT and TOKEN to be filled in."""
    kind = rng.randrange(4)
    body: bytes = b""
    if kind == 0:
        method, path = rng.choice(_METHODS), rng.choice(_PATHS)
    elif kind == 1:
        method, path, body = "POST", f"/api/models/{_NEW}/commit/main", _commit(rng)
    else:
        method, path, plain = rng.choice(_POSTS)
        body = json.dumps(damage_plain(plain, rng)).encode("utf-8", "surrogatepass")
        body = damage_bytes(body, rng) if rng.random() < 0.2 else body
    path = path.replace("ID", rng.choice((_ID, _NEW, _NEW, "x/y", "../..", "lab/%2e%2e")))
    while "V" in path:
        path = path.replace("V", rng.choice(_PIECES), 1)
    headers = {"Host": "127.0.0.1:PORT", "Content-Length": str(len(body))}
    headers |= {"Authorization": "Bearer TOKEN"} if member else {}
    headers |= dict([rng.choice(_HEADERS)]) if rng.random() < 0.4 else {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace")
    return damage_bytes(head, rng) + body if rng.random() < 0.1 else head + body


def _commit(rng: random.Random) -> bytes:
    """The lines of a commit that adds a card, some of them damaged."""
    content = base64.b64encode(rng.choice(_HEADS).encode("utf-8", "surrogatepass")).decode()
    file = {"path": rng.choice(("README.md", "zoo.json", "a/b.txt")), "content": content, "encoding": "base64"}
    lines: list[Any] = [
        {"key": "header", "value": {"summary": "s", "description": "d"}},
        {"key": "file", "value": file},
    ]
    if rng.random() < 0.4:
        lines.append({"key": "lfsFile", "value": {"path": "x", "algo": "sha256", "oid": "0" * 64, "size": 3}})
    if rng.random() < 0.5:
        lines = damage_plain(lines, rng)
    rows = lines if isinstance(lines, list) else [lines]
    return b"\n".join(json.dumps(row).encode("utf-8", "surrogatepass") for row in rows)


def _plain(method: str, path: str, plain: Any, token: str) -> bytes:
    body = b"" if plain is None else json.dumps(plain).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def send(address: tuple[str, int], data: bytes) -> bytes:
    """The reply to some bytes; nothing if the server waits for more of them."""
    with socket.create_connection(address, timeout=_WAIT) as connection:
        received = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            connection.sendall(data.replace(b"PORT", str(address[1]).encode()))
            while part := connection.recv(1 << 16):
                received += part
    return received


def status_of(reply: bytes) -> int:
    """The status of a reply; 400 if the connection was closed without one."""
    words = reply.split(b" ", 2)
    return int(words[1]) if len(words) == 3 and words[1].isdigit() else 400


SERVERS = Family("servers", _make_server, lambda place, rng: "requests", _server_case, compared=False)

# The page

_TOKEN = "the-token"
_GOOD = {"host": "127.0.0.1:7860", "cookie": f"zoo-ui-7860={_TOKEN}", "origin": "http://127.0.0.1:7860"}
_HOSTS = ("evil.example", "127.0.0.1.evil", "localhost:x", "[::1]", "0.0.0.0", "127.0.0.1:7861", "LOCALHOST", "\x00")
_PAGE_TEXTS = tuple(value for value in HOSTILE if isinstance(value, str))


def _page_case(rng: random.Random) -> tuple[str, Action]:
    kind = rng.choice(("http", "http", "websocket"))
    method = rng.choice(_METHODS)
    headers = [*_GOOD.items()]
    for _ in range(rng.choice((0, 1, 1, 2))):
        headers = _damaged_headers(headers, rng)
    query = rng.choice(("", f"token={_TOKEN}", "token=", f"token=x&token={_TOKEN}", "token=%ff", "%", "a" * 9_000))
    path = rng.choice(("/", "/api/models", "/picture.png", "/file=/etc/passwd", "/../x"))

    def run(place: Path) -> object:
        passed, status = _ask(kind, method, path, query, headers)
        allowed = _may_pass(kind, method, path, query, headers)
        if passed and not allowed:
            raise AssertionError(f"the page was given to {headers}")
        if not passed:
            raise ZooError(f"answered {status}")
        return "answered"

    return f"{kind} {method} {path} {query[:40]}", run


def _damaged_headers(headers: list[tuple[str, str]], rng: random.Random) -> list[tuple[str, str]]:
    """The headers with one of them left out, changed, doubled or written otherwise."""
    if not headers:
        return headers
    at = rng.randrange(len(headers))
    name, value = headers[at]
    hostile = rng.choice((*_HOSTS, *_PAGE_TEXTS))
    instead = ([], [(name, value), (name, hostile)], [(name, hostile)], [(name, damage_text(value, rng))])
    return [*headers[:at], *rng.choice((*instead, [(name.upper(), value)])), *headers[at + 1 :]]


def _may_pass(kind: str, method: str, path: str, query: str, headers: list[tuple[str, str]]) -> bool:
    """The rule in other words: one Host of this machine, no other Origin where something changes, and the token."""
    named = {name.lower(): [value for other, value in headers if other.lower() == name.lower()] for name, _ in headers}
    hosts = named.get("host", [])
    if len(hosts) != 1:
        return False
    host, colon, _port = hosts[0].rpartition(":")
    if (host if colon and hosts[0] != "[::1]" else hosts[0]) not in ("127.0.0.1", "localhost", "[::1]"):
        return False
    changes = kind == "websocket" or method not in ("GET", "HEAD", "OPTIONS")
    if changes and any(origin != f"http://{hosts[0]}" for origin in named.get("origin", [])):
        return False
    return any(_TOKEN in cookie for cookie in named.get("cookie", []))


def _ask(kind: str, method: str, path: str, query: str, headers: list[tuple[str, str]]) -> tuple[bool, object]:
    """Whether a request comes through to the application, and the status of the answer."""
    passed: list[bool] = []
    sent: list[dict[str, Any]] = []
    encoded = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": encoded}

    async def app(*_: object) -> None:
        passed.append(True)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Gate(app, _TOKEN)(scope, receive, send))
    return bool(passed), sent[0].get("status", sent[0]["type"]) if sent else "nothing"


PAGES = Family("pages", lambda place: None, lambda place, rng: "a request", _page_case, compared=False)
