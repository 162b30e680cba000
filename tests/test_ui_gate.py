"""The page answers to its own machine, its own pages and who has its token, and reads the folders that were named."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from zoo_ui.folders import Folders
from zoo_ui.gate import Gate

from zoo.errors import ConfigError

TOKEN = "a-token"
COOKIE = f"other=1; zoo-ui-7860={TOKEN}"


def asked(
    method: str = "GET", path: str = "/api/models", query: str = "", kind: str = "http", **headers: str | None
) -> tuple[int | str, dict[str, str], bool]:
    """Status of a request, or the first word to a websocket; the headers of the answer; whether it came through."""
    given = {"host": "127.0.0.1:7860", "cookie": COOKIE, **headers}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if value is not None],
    }
    sent: list[dict[str, Any]] = []
    passed = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Gate(app, TOKEN)(scope, receive, send))
    answer = {name.decode(): value.decode() for name, value in sent[0].get("headers", [])}
    return sent[0].get("status", sent[0]["type"]), answer, bool(passed)


def test_who_has_the_cookie_comes_through() -> None:
    for host in ("127.0.0.1:7860", "localhost:7860", "[::1]:7860"):
        assert asked(host=host) == (200, {}, True)
    assert asked("POST", origin="http://127.0.0.1:7860")[2]
    assert asked("POST")[2], "no browser sent it"
    assert asked(kind="websocket", origin="http://127.0.0.1:7860")[2]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example:7860", "localhost.evil:80", "", "7860", None]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_another_host_is_refused_also_for_websockets(host: str | None, kind: str) -> None:
    """What DNS rebinding sends."""
    status, _, passed = asked(host=host, kind=kind)
    assert status == (421 if kind == "http" else "websocket.close")
    assert not passed


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:7860", "http://127.0.0.1:9999"])
@pytest.mark.parametrize(("method", "kind"), [("POST", "http"), ("DELETE", "http"), ("GET", "websocket")])
def test_other_pages_change_nothing(origin: str, method: str, kind: str) -> None:
    assert not asked(method, origin=origin, kind=kind)[2]


@pytest.mark.parametrize("cookie", [None, "", "zoo-ui-7860=", "zoo-ui-7860=a-toke", f"zoo-ui-7861={TOKEN}", "\0;=;,"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_without_the_token_nothing_is_shown(cookie: str | None, kind: str) -> None:
    assert not asked(cookie=cookie, kind=kind)[2]
    assert not asked(cookie=cookie, kind=kind, query="token=wrong")[2]


def test_the_printed_address_sets_a_cookie_and_leaves_the_address() -> None:
    status, headers, passed = asked(path="/", query=f"token={TOKEN}", cookie=None)
    assert (status, headers["location"], passed) == (303, "/", False)
    assert headers["set-cookie"] == f"zoo-ui-7860={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    assert asked(cookie=headers["set-cookie"].partition(";")[0])[2]
    assert not asked(host="127.0.0.1:9000")[2], "each page has a cookie of its own"


def test_typed_paths_lie_in_the_folders_that_were_named(tmp_path: Path) -> None:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "secrets")
    folders = Folders((tmp_path / "photos",))
    for inside in (tmp_path / "photos", tmp_path / "photos" / "more", tmp_path / "photos" / "new.npz"):
        assert folders.check(f" {inside} ") == str(inside)
    for name in ("mnist5k", "dcgan.glyphs-sans32", "dcgan.mine@1.0.0", ""):
        assert folders.check(name) == name
    for outside in ("secrets", "photos/../secrets", "photos/link", "photos/link/x.png", "photos-2"):
        with pytest.raises(ConfigError, match="in none of the folders") as refused:
            folders.check(str(tmp_path / outside))
        assert "name this folder" in refused.value.hint
    for address in ("hf:org/name", "hub:org/name", "shards:/x-{0..9}.tar", "https://example.org/x", "s3://b/x", "a\0b"):
        with pytest.raises(ConfigError, match="reads no addresses"):
            folders.check(address)


def test_a_name_that_is_a_folder_here_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mnist5k").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="in none of the folders") as refused:
        Folders(()).check("mnist5k")
    assert "of the list" in refused.value.hint
    assert Folders((Path("."),)).check("mnist5k") == "mnist5k"
