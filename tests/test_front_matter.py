"""The head of a card is read within bounds, whatever it says; and a server answers odd bodies with 400."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import released
from zoo_serve.folder import open_folder
from zoo_serve.server import Server

from zoo.plugin import front_matter

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{after}: &{after} [{','.join([f'*{before}'] * 9)}]\n" for before, after in zip("abcdef", "bcdefg", strict=True)
)


def test_a_plain_table_is_read() -> None:
    text = (
        '---\nlicense: mit\ntags:\n- a\nmodel-index: [{"name": "x", "results": [{"task": {"type": "t"}}]}]\n---\nText'
    )
    assert front_matter(text)["model-index"][0]["results"] == [{"task": {"type": "t"}}]
    assert front_matter("no head") == {}
    assert front_matter("---\n---\n") == {}


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("a: &a [*a]", r"alias \(\*\)"),
        (BOMB, r"alias \(\*\)"),
        ("a: &a {<<: *a}", r"alias \(\*\)"),
        ("a: " + "[" * 20_000, "more than 32 deep"),
        ("a: " + "[{b: " * 40, "more than 32 deep"),
        ("- " * 20_000, "more than 32 deep"),
        ("? " * 20_000, "more than 32 deep"),
        ("a: [" + "b: [" * 30 + "x" + "]" * 31, "more than 32 deep"),
        ("a: " + "x" * 70_000, "more than 65,536 characters"),
        ("a: " + "9" * 5000, "is not YAML"),
        ("[1, 2]", "not a table"),
        ("a: b: c", "is not YAML"),
    ],
)
def test_what_is_deep_long_circular_or_no_table_is_refused(head: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        front_matter(f"---\n{head}\n---\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that takes pushes; its `token` lets one write."""
    folder = tmp_path_factory.mktemp("served") / "lab"
    released(folder / "dcgan.blobs")
    running, token = open_folder(folder, port=0, allow_push=True)
    with running:
        running.verbose = False
        running.token = token  # type: ignore[attr-defined]
        assert status(running, "POST", "/api/repos/create", {"name": "own", "organization": "zoo"}) == 200
        yield running


def status(server: Server, method: str, path: str, body: Any = None, **headers: str) -> int:
    data = None if body is None else json.dumps(body).encode()
    sent = {"content-type": "application/json", "authorization": f"Bearer {server.token}", **headers}  # type: ignore[attr-defined]
    request = urllib.request.Request(f"{server.url}{path}", data, sent, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/models/lab/dcgan.blobs/paths-info/main", {"paths": 5}),
        ("/api/models/lab/dcgan.blobs/paths-info/main", {"paths": [None, {}]}),
        ("/api/models/zoo/own/preupload/main", {"files": [{"path": "a", "size": None}]}),
        ("/api/models/zoo/own/preupload/main", {"files": 7}),
        ("/zoo/own.git/info/lfs/objects/batch", {"operation": "upload", "objects": [{"oid": "a", "size": []}]}),
        ("/api/repos/create", {"name": [], "type": []}),
        ("/api/validate-yaml", {"content": "---\na: &a [*a]\n---\n"}),
    ],
)
def test_odd_bodies_are_the_clients_fault(server: Server, path: str, body: Any) -> None:
    assert status(server, "POST", path, body) in (400, 422)


def test_an_endless_range_is_the_clients_fault(server: Server) -> None:
    for value in (f"bytes={'9' * 5000}-", f"bytes=0-{'9' * 5000}", "bytes=a-b", "bytes=5-1", "lines=1-2"):
        assert status(server, "GET", "/lab/dcgan.blobs/resolve/main/zoo.json", range=value) in (200, 206, 400, 416)
