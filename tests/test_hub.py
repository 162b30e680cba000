"""The loopback Hub, driven by the unmodified client."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback import ANN, BOB, READER, client, environment, hub
from zoo_serve.repository import check_path
from zoo_serve.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with hub(tmp_path / "store") as running:
        yield running


@pytest.fixture
def env(server: Server, tmp_path: Path) -> dict[str, str]:
    return environment(server.url, tmp_path / "hf")


def test_a_push_and_a_pull_give_the_same_bytes(server: Server, env: dict[str, str], tmp_path: Path) -> None:
    """Large and small files, nested ones too; by tag, commit, pattern, and after a restart."""
    result = client(
        f"""
folder = pathlib.Path({str(tmp_path / "model")!r}); (folder / "deep").mkdir(parents=True)
big = bytes(range(256)) * 8192
(folder / "w.safetensors").write_bytes(big); (folder / "deep" / "a.txt").write_text("a")
(folder / "README.md").write_text("---\\nlicense: mit\\ntags: [aegan-zoo]\\n---\\n# x")
url = api.create_repo("ann/x"); api.create_repo("ann/x", exist_ok=True)
commit = api.upload_folder(repo_id="ann/x", folder_path=folder, commit_message="first")
api.create_tag("ann/x", tag="v1"); api.create_branch("ann/x", branch="dev/x")
api.upload_file(path_or_fileobj=b"two", path_in_repo="deep/a.txt", repo_id="ann/x")
api.upload_file(path_or_fileobj=b"dev", path_in_repo="deep/a.txt", repo_id="ann/x", revision="dev/x")
def text(rev): return pathlib.Path(hf_hub_download("ann/x", "deep/a.txt", revision=rev)).read_text()
snapshot = pathlib.Path(snapshot_download("ann/x", revision="v1", allow_patterns=["*.safetensors", "*.md"]))
deep = (snapshot / "deep").exists()
info = api.model_info("ann/x", files_metadata=True)
result = dict(oid=commit.oid, texts=[text("v1"), text(commit.oid), text("main"), text("dev/x")],
    same=(snapshot / "w.safetensors").read_bytes() == big, deep=deep,
    name=snapshot.name, tags=info.tags, lfs=[s.rfilename for s in info.siblings if s.lfs],
    tree=sorted(e.path for e in api.list_repo_tree("ann/x", recursive=True)),
    top=sorted(e.path for e in api.list_repo_tree("ann/x")),
    paths=[p.path for p in api.get_paths_info("ann/x", ["deep/a.txt", "no"])],
    refs=[[b.name for b in api.list_repo_refs("ann/x").branches], [t.name for t in api.list_repo_refs("ann/x").tags]],
    titles=[c.title for c in api.list_repo_commits("ann/x")],
    who=api.whoami()["name"], found=[m.id for m in api.list_models(search="X", filter="aegan-zoo")],
    none=[m.id for m in api.list_models(filter="other")])
""",
        env,
    )
    assert result["texts"] == ["a", "a", "two", "dev"]
    assert result["same"]
    assert not result["deep"]
    assert result["name"] == result["oid"]
    assert result["lfs"] == ["w.safetensors"]
    assert result["tree"] == ["README.md", "deep", "deep/a.txt", "w.safetensors"]
    assert result["top"] == ["README.md", "deep", "w.safetensors"]
    assert result["paths"] == ["deep/a.txt"]
    assert result["refs"] == [["main", "dev/x"], ["v1"]]
    assert result["titles"][1:] == ["first", "initial commit"]
    assert (result["who"], result["found"], result["none"]) == ("ann", ["ann/x"], [])
    assert "license:mit" in result["tags"]
    with hub(tmp_path / "store") as again:
        info = client(
            'result = [api.model_info("ann/x").sha, api.model_info("ann/x", revision="v1").sha]',
            environment(again.url, tmp_path / "hf2"),
        )
    assert info[1] == result["oid"] != info[0]


def test_the_client_raises_its_own_exceptions(server: Server, env: dict[str, str], tmp_path: Path) -> None:
    made = client(
        """
api.create_repo("ann/open"); api.create_repo("ann/secret", private=True)
api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="ann/secret")
head = api.model_info("ann/open").sha
api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="ann/open")
def stale():
    add = [CommitOperationAdd("b.txt", b"b")]
    api.create_commit("ann/open", operations=add, commit_message="m", parent_commit=head)
def status(call):
    try: call()
    except Exception as error: return error.response.status_code
result = dict(repo=fails(lambda: api.model_info("ann/none")),
    rev=fails(lambda: api.model_info("ann/open", revision="no")),
    entry=fails(lambda: hf_hub_download("ann/open", "no.txt")), stale=status(stale),
    twice=status(lambda: api.create_repo("ann/open")), other=status(lambda: api.create_repo("bob/x")),
    files=api.list_repo_files("ann/open"))
""",
        env,
    )
    assert made == {
        "repo": "RepositoryNotFoundError",
        "rev": "RevisionNotFoundError",
        "entry": "RemoteEntryNotFoundError",
        "stale": 412,
        "twice": 409,
        "other": 403,
        "files": ["a.txt"],
    }
    probe = """
def status(call):
    try: call()
    except Exception as error: return error.response.status_code
result = [fails(lambda: api.model_info("ann/secret")), [m.id for m in api.list_models()],
    status(lambda: api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="ann/open"))]
"""
    for token in (BOB, READER):
        found = client(probe, environment(server.url, tmp_path / "hf", token))
        assert found == ["RepositoryNotFoundError", ["ann/open"], 403]
    assert client("result = fails(api.whoami)", environment(server.url, tmp_path / "hf", "hf_test_wrong"))


def test_a_digest_alone_does_not_give_a_private_file_away(server: Server, env: dict[str, str], tmp_path: Path) -> None:
    """Bob knows the sha256 of Ann's file; he cannot commit it to a repository of his own."""
    sha = client(
        """
api.create_repo("ann/secret", private=True)
api.upload_file(path_or_fileobj=b"secret weights", path_in_repo="w.safetensors", repo_id="ann/secret")
result = hashlib.sha256(b"secret weights").hexdigest()
""",
        env,
    )
    client('api.create_repo("bob/x"); result = 1', environment(server.url, tmp_path / "hf", BOB))
    lines = [
        {"key": "header", "value": {"summary": "steal"}},
        {"key": "lfsFile", "value": {"path": "w.safetensors", "algo": "sha256", "oid": sha, "size": 14}},
    ]
    status, _, body = ask(server, "POST", "/api/models/bob/x/commit/main", BOB, "\n".join(map(json.dumps, lines)))
    assert status == 400
    assert b"was not uploaded" in body
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha, "size": 14}]}
    status, _, body = ask(server, "POST", "/bob/x.git/info/lfs/objects/batch", BOB, json.dumps(batch))
    assert status == 200
    assert "actions" in json.loads(body)["objects"][0]


def test_an_upload_needs_our_signature_and_the_right_bytes(server: Server, env: dict[str, str]) -> None:
    client('api.create_repo("ann/x"); result = 1', env)
    oid = "a" * 64
    batch = {"operation": "upload", "objects": [{"oid": oid, "size": 3}]}
    _, _, body = ask(server, "POST", "/ann/x.git/info/lfs/objects/batch", ANN, json.dumps(batch))
    href = json.loads(body)["objects"][0]["actions"]["upload"]["href"].removeprefix(server.url)
    assert ask(server, "PUT", href.partition("?")[0], None, "abc")[0] == 403
    assert ask(server, "PUT", href[:-1] + "x", None, "abc")[0] == 403
    assert ask(server, "PUT", href.replace(oid, "b" * 64), None, "abc")[0] == 403
    assert ask(server, "PUT", href, None, "abcd")[0] == 400
    assert ask(server, "PUT", href, None, "abc")[0] == 400
    assert server.hub.store.size(oid) is None


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a/./b", ".git/config", "a/.GIT/x", "a\\b", "", "a\nb", "a/.."])
def test_a_path_out_of_the_repository_is_refused(path: str) -> None:
    assert not check_path(path)
    assert check_path("deep/a.txt")


def test_a_commit_with_a_bad_path_changes_nothing(server: Server, env: dict[str, str]) -> None:
    client('api.create_repo("ann/x"); result = 1', env)
    lines = [
        {"key": "file", "value": {"path": "good.txt", "content": "YQ=="}},
        {"key": "file", "value": {"path": "../bad.txt", "content": "YQ=="}},
    ]
    status, _, _ = ask(server, "POST", "/api/models/ann/x/commit/main", ANN, "\n".join(map(json.dumps, lines)))
    repository = server.hub.store.find("model", "ann/x")
    assert status == 400
    assert repository is not None
    assert repository.head.files == {}


def test_a_server_without_writes_says_405(tmp_path: Path) -> None:
    with hub(tmp_path / "store", writes=False) as server:
        for method, path in [
            ("POST", "/api/repos/create"),
            ("DELETE", "/api/repos/delete"),
            ("POST", "/api/models/a/b/commit/main"),
            ("POST", "/api/models/a/b/preupload/main"),
            ("POST", "/a/b.git/info/lfs/objects/batch"),
            ("POST", "/api/models/a/b/tag/main"),
            ("PUT", "/api/models/a/b/settings"),
        ]:
            assert ask(server, method, path, ANN, "{}")[0] == 405, path


def test_ranges_hosts_and_headers(server: Server, env: dict[str, str]) -> None:
    client(
        'api.create_repo("ann/x"); result = 1\n'
        'api.upload_file(path_or_fileobj=b"0123456789", path_in_repo="a.txt", repo_id="ann/x")',
        env,
    )
    path = "/ann/x/resolve/main/a.txt"

    def part(span: str) -> tuple[int, bytes]:
        status, _, body = ask(server, "GET", path, ANN, headers={"Range": span})
        return status, body

    assert part("bytes=3-") == (206, b"3456789")
    assert part("bytes=3-4") == (206, b"34")
    assert part("bytes=-2") == (206, b"89")
    assert part("bytes=x") == (200, b"0123456789")
    assert part("bytes=10-")[0] == 416
    status, headers, body = ask(server, "HEAD", path, ANN)
    assert (status, headers["Content-Length"], body) == (200, "10", b"")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"].startswith("attachment")
    assert ask(server, "GET", path, ANN, headers={"Host": "evil.example"})[0] == 421
    assert ask(server, "GET", "/nothing/here", ANN)[0] == 404


@pytest.mark.parametrize("line", ["GET /\x1b[31mred HTTP/1.1", "\x1b]0;x\x07 / HTTP/1.1", "GET /%1b[31mred HTTP/1.1"])
def test_a_request_cannot_reach_the_terminal(server: Server, capsys: pytest.CaptureFixture[str], line: str) -> None:
    server.verbose = True
    with raw(server, f"{line}\r\nHost: 127.0.0.1:{server.server_address[1]}\r\nConnection: close\r\n\r\n") as sent:
        assert sent.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 404")
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err


def test_clients_that_send_half_a_body_do_not_stop_others(server: Server) -> None:
    head = f"Host: 127.0.0.1:{server.server_address[1]}\r\nAuthorization: Bearer {ANN}\r\nContent-Length: 50\r\n\r\n{{"
    with contextlib.ExitStack() as slow:
        for path in ("/api/repos/create", "/api/models/ann/x/preupload/main"):
            for _ in range(50):
                slow.enter_context(raw(server, f"POST {path} HTTP/1.1\r\n{head}"))
        assert ask(server, "POST", "/api/repos/create", ANN, '{"name": "x"}')[0] == 200


@pytest.mark.parametrize("size", ["Content-Length: 99999999999", "Transfer-Encoding: chunked"])
def test_a_body_that_is_too_large_or_of_unknown_size_is_refused(server: Server, size: str) -> None:
    head = f"Host: 127.0.0.1:{server.server_address[1]}\r\nAuthorization: Bearer {ANN}\r\n{size}\r\n\r\n"
    with raw(server, f"POST /api/repos/create HTTP/1.1\r\n{head}") as sent:
        assert sent.recv(12) in (b"HTTP/1.1 413", b"HTTP/1.1 411")


def test_an_upload_that_breaks_off_leaves_nothing(server: Server, env: dict[str, str], tmp_path: Path) -> None:
    client('api.create_repo("ann/x"); result = 1', env)
    batch = {"operation": "upload", "objects": [{"oid": "a" * 64, "size": 1 << 20}]}
    _, _, body = ask(server, "POST", "/ann/x.git/info/lfs/objects/batch", ANN, json.dumps(batch))
    href = json.loads(body)["objects"][0]["actions"]["upload"]["href"].removeprefix(server.url)
    host, blobs = f"Host: 127.0.0.1:{server.server_address[1]}", tmp_path / "store" / "blobs"
    with raw(server, f"PUT {href} HTTP/1.1\r\n{host}\r\nContent-Length: {1 << 20}\r\n\r\n{'x' * 300_000}"):
        assert until(lambda: blobs.exists() and any(blobs.iterdir()))
    assert until(lambda: not any(blobs.iterdir()))


def until(holds: Callable[[], bool]) -> bool:
    """Whether it holds within ten seconds."""
    end = time.monotonic() + 10
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def raw(server: Server, text: str) -> socket.socket:
    """A connection on which this was sent."""
    connection = socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=20)
    connection.sendall(text.encode())
    return connection


def ask(
    server: Server, method: str, path: str, token: str | None, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request of one's own, as no client would send it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, body.encode() or None, {**sent, **(headers or {})})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply.status, reply.headers, data
