"""Endpoints: commits. A new one is sent as lines of JSON, `{"key": ..., "value": {...}}`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo_serve.permissions import hub_of, key_of, readable, revision, writable, writer
from zoo_serve.repository import Commit, Repository, StoredFile, check_path
from zoo_serve.requests import Refusal, json_object, part, read
from zoo_serve.store import Store

__all__ = ["commit", "list_commits"]

_LARGEST_COMMIT = 1 << 26

Line = tuple[str, dict[str, Any]]


def list_commits(request: Request) -> Response:
    """The commits that led to a revision, the newest first."""
    repository = readable(request)
    commit = revision(repository, part(request, "rev"))
    commits = []
    while True:
        facts = {"id": commit.id, "title": commit.title, "message": commit.message, "date": commit.date}
        commits.append({**facts, "authors": [{"user": commit.author}]})
        if commit.parent is None:
            return JSONResponse(commits)
        commit = repository.commits[commit.parent]


async def commit(request: Request) -> Response:
    """Make one commit on a branch, all or nothing; 412 if the branch has changed since the client saw it."""
    writable(request)
    return await run_in_threadpool(_commit, request, await read(request, _LARGEST_COMMIT))


def _commit(request: Request, body: bytes) -> Response:
    user, store, branch = writer(request), hub_of(request).store, part(request, "rev")
    lines = [_line(text) for text in body.splitlines() if text.strip()]
    header = next((value for key, value in lines if key == "header"), {})

    def edit(old: Repository) -> Repository:
        if branch not in old.branches:
            raise Refusal(404, f"Invalid rev id: {branch[:100]}", "RevisionNotFound")
        head = old.commits[old.branches[branch]]
        expected = header.get("parentCommit")
        if expected is not None and expected != head.id:
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        files = _files(store, old, head.files, lines)
        if files == head.files:
            return old
        title, message = str(header.get("summary", "")), str(header.get("description", ""))
        new = Commit.new(files, head.id, title, message, user.name)
        return replace(old, commits={**old.commits, new.id: new}, branches={**old.branches, branch: new.id})

    changed = store.change(*key_of(request), edit)
    oid = changed.branches[branch]
    url = f"{request.base_url}{changed.path}/commit/{oid}"
    return JSONResponse({"success": True, "commitOid": oid, "commitUrl": url})


def _line(text: bytes) -> Line:
    plain = json_object(text, "commit", _LARGEST_COMMIT)
    if not isinstance(plain.get("value"), dict):
        raise Refusal(400, "a line of the commit is not {key, value}")
    return str(plain.get("key")), plain["value"]


def _files(
    store: Store, repository: Repository, before: Mapping[str, StoredFile], lines: list[Line]
) -> dict[str, StoredFile]:
    """The files after the commit."""
    files = dict(before)
    for key, value in lines:
        path = str(value.get("path", ""))
        if key != "header" and not check_path(path.rstrip("/") if key == "deletedFolder" else path):
            raise Refusal(400, f"path {path[:100]!r} is not allowed")
        if key == "file":
            files[path] = store.put(_content(value))
        elif key == "lfsFile":
            files[path] = _large(store, repository, value)
        elif key == "deletedFile":
            files.pop(path, None)
        elif key == "deletedFolder":
            files = {name: file for name, file in files.items() if not name.startswith(path.rstrip("/") + "/")}
        elif key != "header":
            raise Refusal(400, f"operation {key[:40]!r} is unknown")
    clash = next((name for name in files for at in range(len(name)) if name[at] == "/" and name[:at] in files), None)
    if clash:
        raise Refusal(400, f"{clash[:100]!r} is in a folder that is a file")
    return files


def _content(value: Mapping[str, Any]) -> bytes:
    try:
        return base64.b64decode(str(value.get("content", "")), validate=True)
    except binascii.Error:
        raise Refusal(400, "a file's content is not base64") from None


def _large(store: Store, repository: Repository, value: Mapping[str, Any]) -> StoredFile:
    oid = str(value.get("oid"))
    size = store.size(oid) if repository.holds(oid) else None
    if size is None:
        raise Refusal(400, f"{oid[:80]} was not uploaded to this repository")
    return StoredFile.lfs(oid, size)
